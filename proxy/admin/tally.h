/* What is counted of messages since the process began: totals for /metrics, minutes for the chart, the last messages for the page. Belongs to the loop; a snapshot has a copy. */
#ifndef ADMIN_TALLY_H
#define ADMIN_TALLY_H

#include "admin/message.h"

#define TALLY_RECENT 50
#define TALLY_MINUTES 60
#define TALLY_BOUNDS 14 /* upper bounds of the histogram; one more counter takes what is above them all */

extern const double tally_bounds[TALLY_BOUNDS]; /* seconds, ascending */

struct tally_account { /* "" : messages that no account takes */
    char name[64];
    uint64_t messages[ADMIN_RESULTS];
    uint64_t bytes; /* of delivered messages, as the client sent them */
    uint64_t delays[TALLY_BOUNDS + 1];
    double delay_sum; /* seconds */
};

struct tally_port { /* messages of an account by the port that their session was on */
    size_t account; /* index */
    uint16_t port;  /* 0: there was no session */
    uint64_t messages[ADMIN_RESULTS];
};

struct tally_minute {
    int64_t minute; /* Unix time / 60 s; 0: nothing known */
    unsigned delivered, failed;
    unsigned clients, sessions; /* the most at once */
};

struct tally {
    struct tally_account *accounts;
    size_t naccounts;
    struct tally_port *ports;
    size_t nports;
    struct tally_minute minutes[TALLY_MINUTES]; /* at minute % TALLY_MINUTES */
    struct admin_message recent[TALLY_RECENT];  /* a ring: the newest is at (total - 1) % TALLY_RECENT */
    uint64_t total;
};

void tally_free(struct tally *t);                            /* what is inside */
void tally_copy(struct tally *to, const struct tally *from); /* gives what is inside */
/* From now on there are counters for this account. Returns its index. */
size_t tally_account(struct tally *t, const char *name);
void tally_message(struct tally *t, const struct admin_message *m);
void tally_load(struct tally *t, int64_t wall_ms, unsigned clients, unsigned sessions); /* how many there are now */
/* The minute `back` minutes before the one of wall_ms; NULL: nothing happened in it that was noted. */
const struct tally_minute *tally_minute(const struct tally *t, int64_t wall_ms, unsigned back);
const struct admin_message *tally_recent(const struct tally *t, size_t back); /* 0: the newest; NULL: no more */

#endif
