/* Calls somebody by a command when something begins to be wrong, again while it lasts, and when it
 * ends. What is wrong is told here at each look, and whatever is not told any more has ended: this
 * holds the times, and runs one command at a time. A call that fails is made again later. */
#ifndef ALERT_ALERT_H
#define ALERT_ALERT_H

#include <stdint.h>

#include "config/config.h"
#include "io/io.h"

struct alert;

enum alert_kind {
    ALERT_ACCOUNT_DOWN,
    ALERT_CREDENTIALS,
    ALERT_TOKEN,
    ALERT_SECRET_EXPIRES,
    ALERT_CERTIFICATE_EXPIRES,
    ALERT_SPOOL_OLD,
    ALERT_SPOOL_FULL,
    ALERT_SPOOL_CORRUPT,
    ALERT_KINDS
};
/* Returns the value of ALERT, such as "account-down". */
const char *alert_kind_name(enum alert_kind kind);

/* Borrowed. Kind, account and what say which it is. */
struct alert_event {
    enum alert_kind kind;
    /* It is empty if the event belongs to no account alone. */
    const char *account;
    /* This tells apart what an account has more than one of. It may be empty. */
    const char *what;
    /* How many thresholds of what expires are behind us: each is a begin of its own. Else 0. */
    unsigned step;
    /* A sentence for a person. It may quote a peer. */
    const char *words;
    /* This is the time of the beginning by the wall clock. 0 stands for the time at which it was
     * told here first. */
    int64_t since_ms;
};

/* Gives; keeps io. Nobody is called before alert_set. */
struct alert *alert_new(const struct io *io);
/* Ends a command that runs. NULL is fine. */
void alert_free(struct alert **alert);
/* At the start and after a reload; what lasts is not called anew. Without [alert] all is forgotten.
 * host: this machine's name. Copies both. */
void alert_set(struct alert *alert, const struct alert_config *config, const char *host);

void alert_look_begins(struct alert *alert);
/* This is wrong now. */
void alert_lasts(struct alert *alert, const struct alert_event *event);
/* Nothing is known of the account just now: whether it can send stands as it was. */
void alert_doubts(struct alert *alert, const char *account);
void alert_look_ends(struct alert *alert);

#endif
