/* Shared by all parts of one account. The account owns it and everything in it. It lives until the
 * last reference is released. */
#ifndef UPSTREAM_ENV_H
#define UPSTREAM_ENV_H

#include "base/addr.h"
#include "base/caps.h"
#include "config/config.h"
#include "io/io.h"

struct api_account;
struct credential;
struct share;
struct upstream_tally;

struct upstream_env {
    /* The holder of a lease keeps all of it alive until the lease ends. */
    unsigned refs;
    void (*ended)(struct upstream_env *env);
    const struct io *io;
    const struct upstream_config *cfg;
    struct credential *credential;
    struct share *share;
    /* The login of the rung `443/api`. NULL if no port is one. */
    struct api_account *api;
    /* NULL if nothing is counted. */
    struct upstream_tally *tally;
    /* The addresses of our own listeners: an upstream there is this proxy itself. Owned. */
    struct addr *own;
    size_t nown;
    /* The address of the last authenticated session first, then the other addresses of its name.
     * They are used when DNS fails. */
    struct addr good[CAP_DNS_ADDRESSES];
    size_t ngood;
};

static inline void env_hold(struct upstream_env *env)
{
    env->refs++;
}

/* Everything may be freed after this call. */
static inline void env_release(struct upstream_env *env)
{
    if (--env->refs == 0)
        env->ended(env);
}

#endif
