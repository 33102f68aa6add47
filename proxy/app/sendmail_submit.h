/* Submits one message to the SMTP server on this machine's port 25 (127.0.0.1, else ::1), which is
 * usually smtp-detour. It blocks, with a deadline on every wait. It runs in the `sendmail` program
 * and in `setup`, never in the server. */
#ifndef APP_SENDMAIL_SUBMIT_H
#define APP_SENDMAIL_SUBMIT_H

#include "app/sendmail_addresses.h"
#include "base/addr.h"

/* The reports that the sender wants from the server (RFC 3461). A field is NULL if it was not asked
 * for. It is passed on to a server that supports it. */
struct delivery_notes {
    /* This is "never", or some of "success", "failure" and "delay". */
    const char *notify;
    /* This is "full" or "hdrs". */
    const char *ret;
    /* This is the ID as the program gave it. */
    const char *envid;
};

struct submission {
    /* The sender "" is the null sender. */
    const char *sender;
    const struct mailboxes *recipients;
    /* The message is canonical. */
    struct slice message;
    const char *hostname;
    struct delivery_notes dsn;
    /* NULL stands for port 25 of this machine. */
    const struct addr *at;
    /* Is called with the reply to the end of data if that was 2xx; may be NULL. */
    void (*accepted)(const char *words);
    /* Is called for each refused recipient. */
    void (*complain)(const char *words);
};

/* Returns an exit status (EXIT_FINE, EXIT_ANSWER_BAD, EXIT_TRY_LATER). If it is not EXIT_FINE, the
 * words say why, or are empty if `complain` was told everything. The recipients that the server
 * accepts get the message whatever it answers for the others. */
int submission_send(const struct submission *s, struct err *err);

#endif
