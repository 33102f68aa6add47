/* ONE attempt at one address of one port: connect (through the tunnel where `proxy` is set),
 * greeting, EHLO, TLS, and up to the AUTH gate. It owns its connection until it wins, has one clock
 * for all of it, and knows its finding. Events come from the loop. */
#ifndef UPSTREAM_ATTEMPT_H
#define UPSTREAM_ATTEMPT_H

#include "upstream/rung.h"

struct attempt;

/* after ready or failed the owner frees the attempt, in the event or later */
struct attempt_events {
    /* TCP, tunnel, greeting, EHLO, STARTTLS, TLS */
    void (*step)(void *ctx);
    /* its clock stands still until attempt_auth */
    void (*auth_wanted)(void *ctx);
    /* authenticated and idle: attempt_take */
    void (*ready)(void *ctx);
    /* attempt_result says how */
    void (*failed)(void *ctx);
};

/* to: the upstream's address, or the outbound proxy's; without port. identity: whose name goes into
 * AUTH; borrowed for the attempt's life. clock: for all of it but the wait at the gate. Gives; what
 * cannot even begin has `failed` on the loop too. */
struct attempt *attempt_new(const struct upstream_env *env, const struct rung *rung,
                            const struct addr *to, const char *identity, usec clock,
                            const struct attempt_events *events, void *ctx);
/* the gate is open for it */
void attempt_auth(struct attempt *a);
/* after ready; gives the session */
struct smtp_client *attempt_take(struct attempt *a);
const struct attempt_result *attempt_result(const struct attempt *a);
/* What would be its finding if it were given up now, for a loser that stood still: "587 does not
 * answer". */
void attempt_result_so_far(const struct attempt *a, struct attempt_result *result_r);

/* measured by the connect; 0: not connected */
usec attempt_rtt(const struct attempt *a);
/* loop time; its start before the first */
usec attempt_last_step(const struct attempt *a);
/* at the gate, or AUTH is unanswered: no step is due */
bool attempt_is_logging_in(const struct attempt *a);

/* a live one is closed: with QUIT where it was greeted */
void attempt_free(struct attempt **a);

#endif
