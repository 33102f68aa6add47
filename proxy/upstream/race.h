/* The race (PROMISES 5): a list of ports that are tried in order, each with the addresses of the
 * name, as attempts and delays. The addresses of a port start 250 ms apart, or at once when all
 * before have failed. The next port starts when every attempt on the one before has failed, or when
 * none of them took a step for port_patience. They run side by side. The first authenticated
 * session wins. */
#ifndef UPSTREAM_RACE_H
#define UPSTREAM_RACE_H

#include "upstream/rung.h"

struct race;

/* All events come from the loop. After won, failed and refused the owner frees the race. */
struct race_events {
    /* Gives the session. The losers have been closed, and those that made no progress have their
     * findings. */
    void (*won)(void *ctx, struct carrier *carrier, struct rung *rung);
    /* Every port has its finding. */
    void (*failed)(void *ctx);
    /* One more session was refused with these words. Returns true if other sessions are
     * authenticated, which explains it; then the owner has freed the race. If it returns false or
     * is NULL, the refusal is a finding like any other. */
    bool (*full)(void *ctx, const char *words);
    /* The credentials were refused. The owner stops everything else. */
    void (*refused)(void *ctx);
    /* No access token is to be had, whatever the port: the caller stops what would need it, too.
     * NULL: it is a finding like any other, and the other ports go on. */
    void (*denied)(void *ctx);
    /* The next port would start now, but there is none: race_extend it, free it, or do nothing.
     * Once for each list. */
    void (*stalled)(void *ctx);
};

/* Gives. Borrows env, events, and the rungs for its life. Copies identity. No event comes from
 * inside this call. */
struct race *race_new(const struct upstream_env *env, struct rung *const *rungs, size_t n,
                      const char *identity, const struct race_events *events, void *ctx);
/* Adds ports behind the last one. Call it from `stalled` only. */
void race_extend(struct race *race, struct rung *const *rungs, size_t n);
/* Closes every connection that is left. */
void race_free(struct race **race);

/* Stops everything but an attempt whose AUTH is unanswered; that AUTH must not be sent twice.
 * Returns false, and changes nothing, if there is none. */
bool race_keep_login(struct race *race);

/* A lease waited too long. Reports the ports in progress as what they would be if they were given
 * up now. They continue. */
void race_report_so_far(struct race *race);
/* Returns whether an attempt has come as far as AUTH and may not continue yet. */
bool race_waits_for_gate(const struct race *race);

/* Borrows the addresses that the name had for this race. They are for the ladder's memory. */
const struct addr *race_addresses(const struct race *race, size_t *n_r);

#endif
