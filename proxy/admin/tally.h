/* What is counted of messages since the process began: totals for /metrics, minutes for the chart,
 * the last messages for the page. Belongs to the loop; a snapshot has a copy. */
#ifndef ADMIN_TALLY_H
#define ADMIN_TALLY_H

#include "base/caps.h"
#include "mail/message.h"

#define TALLY_MINUTES 60
/* upper bounds of the histogram; one more counter takes what is above them all */
#define TALLY_BOUNDS 14

/* seconds, ascending */
extern const double tally_bounds[TALLY_BOUNDS];

/* "" : messages that no account takes */
struct tally_account {
    char name[64];
    uint64_t messages[RESULT_COUNT];
    /* of delivered messages, as the client sent them */
    uint64_t bytes;
    uint64_t delays[TALLY_BOUNDS + 1];
    /* seconds */
    double delay_sum;
};

/* messages of an account by the port that their session was on */
struct tally_port {
    /* index */
    size_t account;
    /* 0: there was no session */
    uint16_t port;
    uint64_t messages[RESULT_COUNT];
};

struct tally_minute {
    /* Unix time / 60 s; 0: nothing known */
    int64_t minute;
    unsigned delivered, failed;
    /* the most at once */
    unsigned clients, sessions;
};

struct tally {
    struct tally_account *accounts;
    size_t naccounts;
    struct tally_port *ports;
    size_t nports;
    /* at minute % TALLY_MINUTES */
    struct tally_minute minutes[TALLY_MINUTES];
    /* A ring: the newest is at (total - 1) % CAP_ADMIN_RECENT. Texts are cleaned (admin/text.h), cut,
     * and never NULL. */
    struct message recent[CAP_ADMIN_RECENT];
    uint64_t total;
};

/* what is inside */
void tally_free(struct tally *t);
/* gives what is inside */
void tally_copy(struct tally *to, const struct tally *from);
/* From now on there are counters for this account. Returns its index. */
size_t tally_account(struct tally *t, const char *name);
/* copies */
void tally_message(struct tally *t, const struct message *m);
/* how many there are now */
void tally_load(struct tally *t, int64_t wall_ms, unsigned clients, unsigned sessions);
/* The minute `back` minutes before the one of wall_ms; NULL: nothing happened in it that was
 * noted. */
const struct tally_minute *tally_minute(const struct tally *t, int64_t wall_ms, unsigned back);
/* 0: the newest; NULL: no more */
const struct message *tally_recent(const struct tally *t, size_t back);

#endif
