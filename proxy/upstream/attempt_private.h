/* What an attempt is, in each of its kinds. */
#ifndef UPSTREAM_ATTEMPT_PRIVATE_H
#define UPSTREAM_ATTEMPT_PRIVATE_H

#include "upstream/attempt.h"

/* Embedded in its kind. What stands here means what attempt.h says of it. */
struct attempt {
    const struct attempt_kind *kind;
};

struct attempt_kind {
    /* Or NULL: there is no gate. */
    void (*auth)(struct attempt *a);
    struct carrier *(*take)(struct attempt *a);
    const struct attempt_result *(*result)(const struct attempt *a);
    void (*result_so_far)(const struct attempt *a, struct attempt_result *result_r);
    usec (*rtt)(const struct attempt *a);
    bool (*is_logging_in)(const struct attempt *a);
    /* Takes. */
    void (*end)(struct attempt *a);
};

/* ---- attempt_smtp.c ---- */
struct attempt *attempt_smtp_new(const struct upstream_env *env, const struct rung *rung,
                                 const struct addr *to, const char *identity, usec clock,
                                 const struct attempt_events *events, void *ctx);
/* ---- attempt_api.c ---- */
struct attempt *attempt_api_new(const struct upstream_env *env, struct rung *rung,
                                const char *identity, usec clock,
                                const struct attempt_events *events, void *ctx);

#endif
