/* Hands one message to the SMTP server on this machine's port 25 (127.0.0.1, else ::1), which is
 * smtp-detour as a rule. Blocking, with a deadline on every wait: this runs in the `sendmail`
 * program, never in the server. */
#ifndef APP_SENDMAIL_SUBMIT_H
#define APP_SENDMAIL_SUBMIT_H

#include "app/sendmail_addresses.h"

struct submission {
    /* "" is the null sender */
    const char *sender;
    const struct mailboxes *recipients;
    /* canonical */
    struct slice message;
    const char *hostname;
};

/* Returns an exit status (EXIT_FINE, EXIT_ANSWER_BAD, EXIT_TRY_LATER); unless fine, the words say
 * why. All recipients or none: when one is refused, nothing is sent, so that a program that tries
 * again doubles nothing. */
int submission_send(const struct submission *s, struct err *err);

#endif
