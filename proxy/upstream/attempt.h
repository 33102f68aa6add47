/* ONE attempt at one address of one port: connect (through the tunnel if `proxy` is set), greeting,
 * EHLO, TLS, and everything up to the AUTH gate. It owns its connection until it wins, has one
 * clock for all of it, and knows its finding. Events come from the loop.
 *
 * A rung `443/api` has one attempt (attempt_api.c): it has no address, because libcurl looks the
 * name up, and no gate, because the first message proves the login. */
#ifndef UPSTREAM_ATTEMPT_H
#define UPSTREAM_ATTEMPT_H

#include "upstream/rung.h"

struct attempt;

/* After `ready` or `failed` the owner frees the attempt, during the event or later. */
struct attempt_events {
    /* One of TCP, tunnel, greeting, EHLO, STARTTLS or TLS is done. */
    void (*step)(void *ctx);
    /* The attempt wants to log in. Its clock is stopped until attempt_auth. */
    void (*auth_wanted)(void *ctx);
    /* The session is authenticated and idle. Call attempt_take. */
    void (*ready)(void *ctx);
    /* The attempt has failed. attempt_result says how. */
    void (*failed)(void *ctx);
};

/* The address `to` is that of the upstream or of the outbound proxy, without port. It is NULL for
 * a rung that has none. The `identity` is the name for AUTH. It is borrowed for the attempt's life.
 * The `clock` covers everything but the wait at the gate. Gives. An attempt that cannot even begin
 * calls `failed` from the loop, too. */
struct attempt *attempt_new(const struct upstream_env *env, struct rung *rung,
                            const struct addr *to, const char *identity, usec clock,
                            const struct attempt_events *events, void *ctx);
/* Call this when the gate is open for the attempt. */
void attempt_auth(struct attempt *a);
/* Gives the session. Call this after `ready`. */
struct carrier *attempt_take(struct attempt *a);
const struct attempt_result *attempt_result(const struct attempt *a);
/* Writes the finding that the attempt would have if it were given up now. It is for a loser that
 * made no progress: "587 does not answer". */
void attempt_result_so_far(const struct attempt *a, struct attempt_result *result_r);

/* The round trip that the connect took. 0 means that it is not connected. */
usec attempt_rtt(const struct attempt *a);
/* It waits at the gate, or its AUTH is unanswered. No step is expected from it. */
bool attempt_is_logging_in(const struct attempt *a);

/* Closes a live connection, with QUIT if it was greeted, and frees the attempt. */
void attempt_free(struct attempt **a);

#endif
