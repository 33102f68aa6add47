/* Hands one message to the SMTP server on this machine's port 25 (127.0.0.1, else ::1), which is
 * smtp-detour as a rule. Blocking, with a deadline on every wait: this runs in the `sendmail`
 * program, never in the server. */
#ifndef APP_SENDMAIL_SUBMIT_H
#define APP_SENDMAIL_SUBMIT_H

#include "app/sendmail_addresses.h"

/* What the server shall report to the sender (RFC 3461), each NULL where nobody asked. Passed on to
 * a server that knows it. */
struct delivery_notes {
    /* "never", or some of "success", "failure", "delay". */
    const char *notify;
    /* "full" or "hdrs". */
    const char *ret;
    /* As the program gave it. */
    const char *envid;
};

struct submission {
    /* "" is the null sender */
    const char *sender;
    const struct mailboxes *recipients;
    /* canonical */
    struct slice message;
    const char *hostname;
    struct delivery_notes dsn;
    /* Is told of each refused recipient. */
    void (*complain)(const char *words);
};

/* Returns an exit status (EXIT_FINE, EXIT_ANSWER_BAD, EXIT_TRY_LATER); unless fine, the words say
 * why, or are empty where `complain` has heard it all. The recipients that the server takes get the
 * message whatever it says to the others. */
int submission_send(const struct submission *s, struct err *err);

#endif
