/* A lease: one message's hold on a session. What is wished for, what comes of it, and how it
 * ends. */
#ifndef UPSTREAM_LEASE_H
#define UPSTREAM_LEASE_H

#include "base/addr.h"
#include "config/config.h"
#include "smtp/carrier.h"
#include "upstream/facts.h"

struct lease;

struct lease_events {
    /* The session is idle and belongs to the caller, which calls carrier_set_owner now. */
    void (*acquired)(void *ctx, struct lease *lease);
    /* The words are the list of findings, or a sentence. The lease has been freed. */
    void (*refused)(void *ctx, enum refusal why, const char *words);
    /* The holder has let its session rest for too long while others wait. It ends the lease now and
     * asks again when it needs one. May be NULL for a holder that never rests. */
    void (*recalled)(void *ctx);
};

struct lease_wish {
    /* NULL means the account's own user. */
    const char *identity;
    /* A port number, or 0. A session on another port is preferred if another port works (PROMISES
     * 6: replacement of a session that never completed a transaction). */
    uint16_t avoid;
    /* A session was granted before and was lost. This lease need not wait behind those that came
     * later. */
    bool had_turn;
    /* Leases that do not yield go first, in the queue and in the rate. */
    bool yields;
    /* How long it may take, at most acquire_timeout. 0 means acquire_timeout. */
    usec patience;
    /* The client that it is for. While others wait, one client (one /64 of IPv6) gets at most half
     * of the sessions. With family ADDR_NONE it counts as one more client. */
    struct addr client;
};

/* With `rests` the holder has asked nothing of the session, or of the place in the queue, since
 * `since`. Without it the holder asks for something. A waiting lease that rests lets those pass
 * that ask for something. */
void lease_rest(struct lease *lease, bool rests, usec since);

/* Bounds the wait of a lease that waits: from now it takes at most `patience`. */
void lease_hurry(struct lease *lease, usec patience);

/* Borrows. Call this after acquired. */
struct carrier *lease_carrier(const struct lease *lease);
const struct port *lease_port(const struct lease *lease);
/* The session has rested in the pool: carrier_mark_pooled was called. */
bool lease_is_pooled(const struct lease *lease);
/* The session has completed a transaction before. */
bool lease_completed_any(const struct lease *lease);
/* Returns whether this answer to MAIL is about the number of our sessions and not about the
 * message: there are others. Then the lease is dropped with it, and it is worth waiting for another
 * session. */
bool lease_is_one_too_many(const struct lease *lease, const struct reply *reply);
/* Exactly one of lease_return, lease_drop, lease_revoked and lease_cancel ends a lease. Each takes
 * it.
 *
 * lease_return: the session is sound. It is idle or will be; the pool becomes its owner and waits
 * for `ready`. completed: a transaction ended in an upstream verdict of any class.
 *
 * lease_drop: the session is dead or unwanted. `why` is for the ladder; NULL is no fault of the
 * port. completed: as for lease_return, or it may have.
 *
 * lease_cancel: only while the lease waits.
 *
 * A lease that is not completed gives its place in the account's rate back, because the message may
 * come again on another session. */
void lease_return(struct lease **lease, bool completed);
/* The SMTP client of a dropped lease was closed in this turn, or has told `lost` in it: lease_drop
 * never closes a live one, and still asks it what it learnt. */
void lease_drop(struct lease **lease, bool completed, const struct smtp_client_failure *why);
/* Does what lease_drop does, where the upstream's answer to a command revokes our login
 * (finding.h): the account rests as after a refused AUTH. Borrows reply. */
void lease_revoked(struct lease **lease, bool completed, const struct reply *reply);
void lease_cancel(struct lease **lease);

struct pool_counts {
    unsigned idle, leased, dialing, waiting;
};

#endif
