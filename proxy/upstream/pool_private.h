/* What pool.c (sessions) and lease.c (who waits for them) share. */
#ifndef UPSTREAM_POOL_PRIVATE_H
#define UPSTREAM_POOL_PRIVATE_H

#include "base/window.h"
#include "io/loop.h"
#include "upstream/pool.h"

enum session_state {
    SESSION_IDLE, /* ready for a lease; the front was used last */
    SESSION_LEASED,
    SESSION_SETTLING, /* returned, and not idle yet: the answer to RSET is due */
    SESSION_STATES
};

struct session {
    struct link link;
    enum session_state state;
    struct pool *pool;
    struct client *client; /* NULL once it is dead */
    struct rung *rung;
    char *identity;
    usec opened, last_used; /* last_used: of one that settles, since when */
    usec granted;           /* when its lease began */
    unsigned completed;     /* transactions */
    bool rested;            /* was idle when its lease began */
};

struct session_list {
    struct link list;
    unsigned n;
};

struct crowd { /* those who wait under one identity: thousands of waiters must not be counted again for every message */
    struct link link;
    char *identity;
    unsigned n; /* > 0 */
};

struct lease {
    struct link link; /* among the waiting; alone after */
    struct pool *pool;
    struct account *account;
    struct session *session; /* NULL: waiting */
    char *identity;
    struct crowd *crowd; /* while waiting */
    uint16_t avoid;      /* a port, 0 none; cleared by lease_stop_avoiding alone */
    const struct lease_events *events;
    void *ctx;
    struct timer *timer; /* acquire_timeout */
};

struct pool {
    const struct upstream_env *env;
    struct account *account;
    struct ladder *ladder;
    struct session_list sessions[SESSION_STATES];
    struct link waiting;
    unsigned nwaiting, navoiding;
    struct link crowds;
    struct deferred later; /* serve, at the end of the turn */
    struct timer *upkeep;
    struct timer *again; /* serve, when waiting may be worth something: a place in the rate comes free, a session should have settled */
    struct window rate;  /* leases granted lately */
    bool retired, gone;
};

/* ---- pool.c ---- */
void session_move(struct session *s, enum session_state state);
void session_end(struct session *s);           /* QUITs what lives, frees */
bool session_is_worn(const struct session *s); /* max_messages, max_age */
struct session *pool_take(struct pool *p, const char *identity,
                          uint16_t avoid);           /* an idle one that is still good, now leased; NULL: none */
void pool_settle(struct session *s);                 /* a returned session: idle, or on its way there */
void pool_forget_rested(struct pool *p, usec until); /* idle sessions not used since: the same NAT forgot them too */
unsigned pool_sessions(const struct pool *p);
unsigned pool_room(const struct pool *p);                                       /* sessions that may be dialled */
unsigned pool_settling(const struct pool *p, const char *identity, usec since); /* that began to settle after `since`, and will be good */
void pool_make_room(struct pool *p, const char *identity); /* an idle session of somebody else's goes when all slots are taken */

/* ---- lease.c ---- */
void pool_serve_later(struct pool *p);
void pool_serve(void *pool);
void lease_stop_avoiding(struct lease *lease);

#endif
