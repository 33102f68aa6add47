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
    struct upstream_tally *tally; /* or NULL: nobody counts */
    struct addr own[16];          /* our own listeners: an upstream there is this proxy itself */
    size_t nown;
    struct addr
        good[CAP_DNS_ADDRESSES]; /* where a session was last authenticated first, then its name's other addresses; for when DNS fails */
    size_t ngood;
};

#endif
