/* One message's hold on a session: what is wished for, what comes of it, how it ends. */
#ifndef UPSTREAM_LEASE_H
#define UPSTREAM_LEASE_H

#include "base/addr.h"
#include "config/config.h"
#include "smtp/client.h"
#include "upstream/facts.h"

struct lease;

struct lease_events {
    /* the session is idle and the caller's: smtp_client_set_owner it now */
    void (*acquired)(void *ctx, struct lease *lease);
    /* words: the list of findings, or a sentence. The lease is gone */
    void (*refused)(void *ctx, enum refusal why, const char *words);
    /* The holder has let its session rest for too long while others wait: it ends the lease now,
     * and asks anew when it needs one. NULL: it never rests. */
    void (*recalled)(void *ctx);
};

struct lease_wish {
    /* NULL: the account's own user. */
    const char *identity;
    /* A port number, 0 none: a session on another port is wanted if there is one that works
     * (PROMISES 6: replacement of a session that never completed a transaction). */
    uint16_t avoid;
    /* A session was granted before and was lost: this one need not wait behind those who came
     * later. */
    bool had_turn;
    /* Those that do not yield go first, in the queue and in the rate. */
    bool yields;
    /* How long it may take, up to acquire_timeout; 0: so long. */
    usec patience;
    /* Who it is for: while others wait, one client (IPv6: one /64) gets no more than half of the
     * sessions. Family ADDR_NONE: one more client. */
    struct addr client;
};

/* Nothing is asked of the session, or of the place in the queue, since then; false: something is.
 * Who waits and rests lets those pass who ask for something. */
void lease_rest(struct lease *lease, bool rests, usec since);

/* While it waits: it may take so long from now at most. */
void lease_hurry(struct lease *lease, usec patience);

/* after acquired */
struct smtp_client *lease_client(const struct lease *lease);
const struct port *lease_port(const struct lease *lease);
/* has rested in the pool: smtp_client_mark_pooled was called */
bool lease_is_pooled(const struct lease *lease);
/* the session has completed a transaction before */
bool lease_completed_any(const struct lease *lease);
/* This answer to MAIL speaks of how many sessions we have, not of the message: there are others.
 * Then the lease is dropped with it, and another is worth waiting for. */
bool lease_is_one_too_many(const struct lease *lease, const struct reply *reply);
/* Exactly one of these ends a lease. return: the session is sound (idle, or will be: the pool
 * becomes its owner and waits for `ready`); completed: a transaction ended in an upstream verdict
 * of any class. drop: the session is dead or unwanted; why feeds the ladder (NULL: no fault of the
 * port); completed: as for return, or it may have. What is not completed gives its place in the
 * account's rate back: the message may come again, on another session. cancel: while still
 * waiting. */
void lease_return(struct lease **lease, bool completed);
/* The client of a lease that is dropped was closed, or has told `lost`, in this turn: drop never
 * closes a live client, and still asks it what it learnt. */
void lease_drop(struct lease **lease, bool completed, const struct smtp_client_failure *why);
/* As drop, where the upstream answered a command with what revokes our login (finding.h): the
 * account rests as after a refused AUTH. Borrows reply. */
void lease_revoked(struct lease **lease, bool completed, const struct reply *reply);
void lease_cancel(struct lease **lease);

struct pool_counts {
    unsigned idle, leased, dialing, waiting;
};

#endif
