/* Which kind of attempt a rung wants, and the questions to it. */
#include "upstream/attempt_private.h"

struct attempt *attempt_new(const struct upstream_env *env, struct rung *rung,
                            const struct addr *to, const char *identity, usec clock,
                            const struct attempt_events *events, void *ctx)
{
    if (rung_is_api(rung))
        return attempt_api_new(env, rung, identity, clock, events, ctx);
    return attempt_smtp_new(env, rung, to, identity, clock, events, ctx);
}

void attempt_auth(struct attempt *a)
{
    if (a->kind->auth)
        a->kind->auth(a);
}

struct carrier *attempt_take(struct attempt *a)
{
    return a->kind->take(a);
}

const struct attempt_result *attempt_result(const struct attempt *a)
{
    return a->kind->result(a);
}

void attempt_result_so_far(const struct attempt *a, struct attempt_result *result_r)
{
    a->kind->result_so_far(a, result_r);
}

usec attempt_rtt(const struct attempt *a)
{
    return a->kind->rtt(a);
}

bool attempt_is_logging_in(const struct attempt *a)
{
    return a->kind->is_logging_in(a);
}

void attempt_free(struct attempt **attempt)
{
    struct attempt *a = *attempt;
    *attempt = NULL;
    if (a)
        a->kind->end(a);
}
