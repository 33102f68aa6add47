/* The pool of authenticated sessions of one account. A session is in exactly one list (idle,
 * leased, settling), and one function moves it, so that the counts are the lists' counts. Waiting
 * leases are served in order. The ladder is asked for missing sessions. Lease events come from the
 * loop only. */
#ifndef UPSTREAM_POOL_H
#define UPSTREAM_POOL_H

#include "upstream/env.h"
#include "upstream/ladder.h"
#include "upstream/lease.h"

struct pool;

/* Gives. Borrows env; each lease keeps a reference to it. Call pool_set_ladder right after it. */
struct pool *pool_new(struct upstream_env *env);
void pool_set_ladder(struct pool *p, struct ladder *l);
/* Sends QUIT to the sessions. No lease may be left. */
void pool_free(struct pool **p);
/* Closes idle sessions, and returned ones, too. Leases continue. */
void pool_retire(struct pool *p);
/* The server is shutting down. Waiting leases, and later ones, get REFUSAL_GONE. */
void pool_refuse_all(struct pool *p);
/* Sends QUIT to idle sessions, because the network has changed beneath them. */
void pool_drop_idle(struct pool *p);

/* Borrows the key by which the account's sessions are pooled: the name with which they were
 * authenticated. */
const char *pool_key(const struct upstream_env *env, const char *identity);

struct lease *pool_acquire(struct pool *p, const struct lease_wish *wish,
                           const struct lease_events *events, void *ctx);
void pool_warm(struct pool *p, const char *identity);
/* The pool of one session, which is idle and was dialled elsewhere. It dials none: once this one is
 * lost, leases are refused with the words of the loss. Takes the carrier. Borrows the rung. */
void pool_hold_one(struct pool *p, struct carrier *carrier, struct rung *rung,
                   const char *identity);
/* Wants one fresh session, whatever sessions there are. */
void pool_prove(struct pool *p);
struct pool_counts pool_counts(const struct pool *p);

/* The events that the ladder calls. */
extern const struct ladder_events pool_ladder_events;

#endif
