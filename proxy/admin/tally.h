/* The counters of messages since the process began: totals for /metrics, minutes for the chart, and
 * the last messages for the page. Belongs to the loop. A snapshot has a copy. */
#ifndef ADMIN_TALLY_H
#define ADMIN_TALLY_H

#include "base/caps.h"
#include "mail/message.h"

#define TALLY_MINUTES 60
/* The upper bounds of the histogram. One more counter is for everything above them. */
#define TALLY_BOUNDS 14

/* In seconds, ascending. */
extern const double tally_bounds[TALLY_BOUNDS];

/* The name "" stands for messages that no account takes. */
struct tally_account {
    char name[64];
    uint64_t messages[RESULT_COUNT];
    /* This is the time of the last delivery by the wall clock. It is 0 if there was none since the
     * start. */
    int64_t delivered_ms;
    /* Octets of delivered messages as the client sent them. */
    uint64_t bytes;
    uint64_t delays[TALLY_BOUNDS + 1];
    /* The sum is in seconds. */
    double delay_sum;
};

/* Messages of an account by the port of their session. */
struct tally_port {
    /* The account's index. */
    size_t account;
    /* 0 if there was no session. */
    uint16_t port;
    uint64_t messages[RESULT_COUNT];
};

/* Messages of an account that were kept, by why. */
struct tally_kept {
    /* The account's index. */
    size_t account;
    /* The name that message.kept_for points to. */
    const char *reason;
    uint64_t messages;
};

struct tally_minute {
    /* Unix time / 60 s, or 0 if nothing is known. */
    int64_t minute;
    unsigned delivered, failed;
    /* The largest number at one time. */
    unsigned clients, sessions;
};

struct tally {
    struct tally_account *accounts;
    size_t naccounts;
    struct tally_port *ports;
    size_t nports;
    struct tally_kept *kept;
    size_t nkept;
    /* The index is minute % TALLY_MINUTES. */
    struct tally_minute minutes[TALLY_MINUTES];
    /* A ring: the newest is at (total - 1) % CAP_ADMIN_RECENT. Texts are cleaned (admin/text.h),
     * cut, and never NULL. */
    struct message recent[CAP_ADMIN_RECENT];
    uint64_t total;
};

/* Frees the content. */
void tally_free(struct tally *t);
/* Gives the content of `to`. */
void tally_copy(struct tally *to, const struct tally *from);
/* Makes counters for this account if there are none. Returns its index. */
size_t tally_account(struct tally *t, const char *name);
/* Copies. */
void tally_message(struct tally *t, const struct message *m);
/* Notes how many there are now. */
void tally_load(struct tally *t, int64_t wall_ms, unsigned clients, unsigned sessions);
/* Borrows the minute that is `back` minutes before the one of wall_ms, or returns NULL if nothing
 * was noted in it. */
const struct tally_minute *tally_minute(const struct tally *t, int64_t wall_ms, unsigned back);
/* Borrows a message. 0 is the newest. Returns NULL if there are no more. */
const struct message *tally_recent(const struct tally *t, size_t back);

#endif
