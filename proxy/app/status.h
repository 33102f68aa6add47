/* Exit statuses (PROMISES 2; the numbers of sysexits.h). */
#ifndef APP_STATUS_H
#define APP_STATUS_H

enum exit_status {
    EXIT_FINE = 0,
    /* it ran, and the answer is bad: no port works, message refused for good */
    EXIT_ANSWER_BAD = 1,
    EXIT_USAGE = 2,
    /* `sendmail` has its own word for usage */
    EXIT_NO_RECIPIENTS = 64,
    /* an operating system error: a port in use, no descriptor */
    EXIT_SYSTEM = 71,
    EXIT_TRY_LATER = 75,
    /* a port below 1024 without the right */
    EXIT_NO_RIGHT = 77,
    EXIT_BAD_CONFIG = 78,
};

#endif
