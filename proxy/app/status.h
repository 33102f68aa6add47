/* Exit statuses (PROMISES 2, and the numbers of sysexits.h). */
#ifndef APP_STATUS_H
#define APP_STATUS_H

enum exit_status {
    EXIT_FINE = 0,
    /* It ran, and the result is bad: no port works, or the message was refused for good. */
    EXIT_ANSWER_BAD = 1,
    EXIT_USAGE = 2,
    /* In `sendmail`, 64 means that there are no recipients. */
    EXIT_NO_RECIPIENTS = 64,
    /* An error of the operating system: a port is in use, or there is no descriptor. */
    EXIT_SYSTEM = 71,
    EXIT_TRY_LATER = 75,
    /* A port below 1024 without the right to it. */
    EXIT_NO_RIGHT = 77,
    EXIT_BAD_CONFIG = 78,
};

#endif
