/* What all parts of one account share while they dial. The account owns it and everything in it. */
#ifndef UPSTREAM_ENV_H
#define UPSTREAM_ENV_H

#include "base/addr.h"
#include "base/caps.h"
#include "config/config.h"
#include "io/io.h"

struct credential;
struct gate;
struct upstream_tally;

struct upstream_env {
    const struct io *io;
    const struct upstream_config *cfg;
    struct credential *credential;
    struct gate *gate;
    /* or NULL: nobody counts */
    struct upstream_tally *tally;
    /* our own listeners: an upstream there is this proxy itself */
    struct addr own[16];
    size_t nown;
    /* where a session was last authenticated first, then its name's other addresses; for when DNS
     * fails */
    struct addr good[CAP_DNS_ADDRESSES];
    size_t ngood;
};

#endif
