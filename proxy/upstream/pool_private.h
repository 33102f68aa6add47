/* Shared by pool.c (sessions), lease.c (the queue for them) and turns.c (the order of the
 * queue). */
#ifndef UPSTREAM_POOL_PRIVATE_H
#define UPSTREAM_POOL_PRIVATE_H

#include "io/loop.h"
#include "upstream/ceiling.h"
#include "upstream/pool.h"

enum warm_state {
    /* Ready for a lease. The front of the list was used last. */
    SESSION_IDLE,
    SESSION_LEASED,
    /* Returned and not idle yet: the answer to RSET is due. */
    SESSION_SETTLING,
    SESSION_STATES
};

struct warm {
    struct link link;
    enum warm_state state;
    struct pool *pool;
    /* NULL once the session is dead. */
    struct carrier *carrier;
    struct rung *rung;
    char *identity;
    /* Set in SESSION_LEASED. */
    struct lease *lease;
    /* For a settling session, last_used is when that began. */
    usec opened, last_used;
    /* Its lease's place in the rate. */
    usec granted;
    /* The number of transactions. */
    unsigned completed;
    /* It was idle when its lease began. */
    bool rested;
};

/* Thousands of clients may wait for one account. */
enum { PARTY_LISTS = 64 };

struct warm_list {
    struct link list;
    unsigned n;
};

/* The leases that wait under one identity. Thousands of them must not be counted again for every
 * message. */
struct crowd {
    struct link link;
    char *identity;
    /* Never 0. */
    unsigned n;
};

/* One client with leases, as far as fairness is concerned. */
struct party {
    struct link link;
    struct addr client;
    unsigned leases, held;
    /* How many of the waiting ones do not rest. */
    unsigned asking;
};

struct lease {
    /* In the list of waiting leases. In no list later. */
    struct link link;
    struct pool *pool;
    /* NULL while it waits. */
    struct warm *session;
    char *identity;
    /* Set while it waits. */
    struct crowd *crowd;
    struct party *party;
    bool rests;
    usec rests_since;
    bool yields;
    /* A port, or 0. Only lease_stop_avoiding clears it. */
    uint16_t avoid;
    /* At this loop time it began to wait. */
    usec asked;
    /* At this loop time it has waited long enough. */
    usec until;
    const struct lease_events *events;
    void *ctx;
    /* Runs for acquire_timeout. */
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
    /* Serves leases at the end of the turn. */
    struct deferred later;
    struct timer *upkeep;
    /* Serves leases when waiting has become useful: the rate has room again, or a session should
     * have settled. */
    struct timer *again;
    struct ceiling ceiling;
    /* How many sessions are missing, as far as pool_serve has asked the ladder for them. */
    unsigned missing;
    /* A session was wanted that no message waits for, and there was no room: for whom, and whether
     * the ladder wants to prove a port. It is tried again when there is room. */
    char *warming;
    bool probing;
    bool retired, gone;
    /* The pool has one session and never dials (pool_hold_one). */
    bool holds_one;
    /* It says how that session was lost, or is "". */
    char lost[sizeof((struct err *)0)->words];
};

/* ---- pool.c ---- */
void warm_move(struct warm *s, enum warm_state state);
/* Sends QUIT to a live session and frees it. */
void warm_end(struct warm *s);
/* Call this while its SMTP client can still be asked. */
void warm_learn(struct warm *s);
/* It has reached max_messages or max_age. */
bool warm_is_worn(const struct warm *s);
/* Returns an idle session that is still good and leases it, or NULL. */
struct warm *pool_take(struct pool *p, const char *identity, uint16_t avoid);
/* Takes a returned session. It is idle, or will be. */
void pool_settle(struct warm *s);
/* Ends idle sessions that were not used since: the NAT that forgot one session forgot these,
 * too. */
void pool_forget_rested(struct pool *p, usec until);
unsigned pool_sessions(const struct pool *p);
/* Returns how many sessions there may be: max_connections, or fewer. */
unsigned pool_limit(const struct pool *p);
/* Returns how many sessions may be dialled. */
unsigned pool_room(const struct pool *p);
/* The upstream accepts no session beside these. */
void pool_note_full(struct pool *p, unsigned sessions, const char *words);
/* Returns how many sessions began to settle after `since` and will be good. */
unsigned pool_settling(const struct pool *p, const char *identity, usec since);
/* Ends idle sessions that others wait for, or that are too many. */
void pool_yield(struct pool *p);
/* A session that no message waits for was wanted while there was no room. identity NULL: whoever it
 * was for has one. */
void pool_warm_later(struct pool *p, const char *identity);
/* Closes an idle session of another identity when all slots are in use. */
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
/* Returns whether another waiting lease goes first, wherever this one is in the queue. */
bool turns_lets_pass(const struct lease *lease);
/* Takes as many resting sessions back from their holders as are asked for. */
void turns_recall(struct pool *p);

#endif
