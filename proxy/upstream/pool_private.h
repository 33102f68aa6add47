/* What pool.c (sessions), lease.c (who waits for them) and turns.c (who is served first) share. */
#ifndef UPSTREAM_POOL_PRIVATE_H
#define UPSTREAM_POOL_PRIVATE_H

#include "io/loop.h"
#include "upstream/ceiling.h"
#include "upstream/pool.h"

enum warm_state {
    /* ready for a lease; the front was used last */
    SESSION_IDLE,
    SESSION_LEASED,
    /* returned, and not idle yet: the answer to RSET is due */
    SESSION_SETTLING,
    SESSION_STATES
};

struct warm {
    struct link link;
    enum warm_state state;
    struct pool *pool;
    /* NULL once it is dead */
    struct smtp_client *client;
    struct rung *rung;
    char *identity;
    /* while SESSION_LEASED */
    struct lease *lease;
    /* last_used: of one that settles, since when */
    usec opened, last_used;
    /* its lease's place in the rate */
    usec granted;
    /* transactions */
    unsigned completed;
    /* was idle when its lease began */
    bool rested;
};

/* Thousands of clients may wait for one account. */
enum { PARTY_LISTS = 64 };

struct warm_list {
    struct link list;
    unsigned n;
};

/* those who wait under one identity: thousands of waiters must not be counted again for every
 * message */
struct crowd {
    struct link link;
    char *identity;
    /* > 0 */
    unsigned n;
};

/* One client with leases, as far as fairness goes. */
struct party {
    struct link link;
    struct addr client;
    unsigned leases, held;
    /* Of those that wait: the ones that do not rest. */
    unsigned asking;
};

struct lease {
    /* among the waiting; alone after */
    struct link link;
    struct pool *pool;
    /* NULL: waiting */
    struct warm *session;
    char *identity;
    /* while waiting */
    struct crowd *crowd;
    struct party *party;
    bool rests;
    usec rests_since;
    bool yields;
    /* a port, 0 none; cleared by lease_stop_avoiding alone */
    uint16_t avoid;
    /* when it began to wait */
    usec asked;
    /* when it has waited long enough */
    usec until;
    const struct lease_events *events;
    void *ctx;
    /* acquire_timeout */
    struct timer *timer;
};

struct pool {
    struct upstream_env *env;
    struct ladder *ladder;
    struct warm_list sessions[SESSION_STATES];
    struct link waiting;
    /* Of the waiting; asking: that do not rest; urgent: that neither rest nor yield. */
    unsigned nwaiting, navoiding, nasking, nurgent;
    struct link crowds;
    struct link parties[PARTY_LISTS];
    /* serve, at the end of the turn */
    struct deferred later;
    struct timer *upkeep;
    /* serve, when waiting may be worth something: a place in the rate comes free, a session should
     * have settled */
    struct timer *again;
    struct ceiling ceiling;
    bool retired, gone;
};

/* ---- pool.c ---- */
void warm_move(struct warm *s, enum warm_state state);
/* QUITs what lives, frees */
void warm_end(struct warm *s);
/* while its client can still be asked */
void warm_learn(struct warm *s);
/* max_messages, max_age */
bool warm_is_worn(const struct warm *s);
/* an idle one that is still good, now leased; NULL: none */
struct warm *pool_take(struct pool *p, const char *identity, uint16_t avoid);
/* a returned session: idle, or on its way there */
void pool_settle(struct warm *s);
/* idle sessions not used since: the same NAT forgot them too */
void pool_forget_rested(struct pool *p, usec until);
unsigned pool_sessions(const struct pool *p);
/* Sessions that there may be: max_connections, or fewer. */
unsigned pool_limit(const struct pool *p);
/* sessions that may be dialled */
unsigned pool_room(const struct pool *p);
/* The upstream takes no more beside these. */
void pool_note_full(struct pool *p, unsigned sessions, const char *words);
/* that began to settle after `since`, and will be good */
unsigned pool_settling(const struct pool *p, const char *identity, usec since);
/* an idle session of somebody else's goes when all slots are taken */
void pool_make_room(struct pool *p, const char *identity);

/* ---- lease.c ---- */
void pool_serve_later(struct pool *p);
void pool_serve(void *pool);
void pool_serve_again_in(struct pool *p, usec wait);
void lease_stop_avoiding(struct lease *lease);

/* ---- turns.c ---- */
void turns_init(struct pool *p);
void turns_join(struct lease *lease, const struct addr *client);
void turns_leave(struct lease *lease);
void turns_count_waiting(struct lease *lease, bool waits);
void turns_count_held(struct lease *lease, bool holds);
/* Somebody else who waits goes first, wherever this one stands in the queue. */
bool turns_lets_pass(const struct lease *lease);
/* Takes sessions that rest back from their holders, as many as are asked for. */
void turns_recall(struct pool *p);

#endif
