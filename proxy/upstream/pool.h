/* The pool of authenticated sessions of one account. A session is in exactly one list (idle,
 * leased, settling), and one function moves it, so the counts are the lists'. Waiting leases are
 * served in order; what is missing is asked of the ladder. Lease events come from the loop only. */
#ifndef UPSTREAM_POOL_H
#define UPSTREAM_POOL_H

#include "upstream/env.h"
#include "upstream/ladder.h"
#include "upstream/lease.h"

struct pool;

/* Borrows env, which leases keep a reference to. ladder: given by pool_set_ladder at once after.
 * Gives. */
struct pool *pool_new(struct upstream_env *env);
void pool_set_ladder(struct pool *p, struct ladder *l);
/* no lease is left; QUITs the sessions */
void pool_free(struct pool **p);
/* idle sessions are closed, returned ones too; leases go on */
void pool_retire(struct pool *p);
/* shutting down: who waits, and who comes, gets REFUSAL_GONE */
void pool_refuse_all(struct pool *p);
/* QUITs them: the network changed beneath them */
void pool_drop_idle(struct pool *p);

/* The key that sessions are pooled by, beside the account that the pool belongs to: whose name they
 * were authenticated with. Borrows. */
const char *pool_key(const struct upstream_env *env, const char *identity);

struct lease *pool_acquire(struct pool *p, const struct lease_wish *wish,
                           const struct lease_events *events, void *ctx);
void pool_warm(struct pool *p, const char *identity);
/* one fresh session, whatever there is */
void pool_prove(struct pool *p);
struct pool_counts pool_counts(const struct pool *p);

/* For the ladder. */
extern const struct ladder_events pool_ladder_events;

#endif
