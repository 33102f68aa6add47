/* The race (PROMISES 5): a list of ports tried in order, each with the addresses of the name, as
 * attempts plus delays. Addresses of a port start 250 ms apart (at once when all before failed);
 * the next port starts when every attempt on the one before failed, or none of them took a step for
 * port_patience. They go on side by side; the first authenticated session wins. */
#ifndef UPSTREAM_RACE_H
#define UPSTREAM_RACE_H

#include "upstream/rung.h"

struct race;

/* All from the loop. After won, failed and refused the owner frees the race. */
struct race_events {
    /* The losers are closed, those who stood still have their finding. Gives the session. */
    void (*won)(void *ctx, struct smtp_client *client, struct rung *rung);
    /* every port has its finding */
    void (*failed)(void *ctx);
    /* One more session was refused with these words. true: others are authenticated, so that is all
     * there is to it, and the owner has freed the race; false, or NULL: it is a finding like any
     * other. */
    bool (*full)(void *ctx, const char *words);
    /* the credentials were refused: the caller stops all else */
    void (*refused)(void *ctx);
    /* No access token is to be had, whatever the port: the caller stops what would need it, too.
     * NULL: it is a finding like any other, and the other ports go on. */
    void (*denied)(void *ctx);
    /* The next port would start now, but there is none: race_extend it, free it, or do nothing.
     * Once for each list. */
    void (*stalled)(void *ctx);
};

/* Borrows env, rungs (for its life), events; copies identity. Gives. No event comes from inside. */
struct race *race_new(const struct upstream_env *env, struct rung *const *rungs, size_t n,
                      const char *identity, const struct race_events *events, void *ctx);
/* from stalled only: more ports behind the last */
void race_extend(struct race *race, struct rung *const *rungs, size_t n);
/* closes what is left */
void race_free(struct race **race);

/* The race is pointless, but an AUTH of it may be unanswered that nobody else may repeat: then only
 * that attempt goes on, to its end, and nothing new begins. false: there is none, and nothing was
 * changed. */
bool race_keep_login(struct race *race);

/* Somebody waited too long: ports that are still under way are reported as what they would be if
 * they were given up now. They go on. */
void race_report_so_far(struct race *race);
/* some attempt has come as far as AUTH and may not go on yet */
bool race_waits_for_gate(const struct race *race);

/* The addresses that the name had for this race, for the ladder's memory. */
const struct addr *race_addresses(const struct race *race, size_t *n_r);

#endif
