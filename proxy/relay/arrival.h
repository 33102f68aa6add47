/* A connection that has come in, and who it is. */
#ifndef RELAY_ARRIVAL_H
#define RELAY_ARRIVAL_H

#include "base/addr.h"

struct stream;
struct transport;

struct arrival {
    /* either this */
    struct transport *transport;
    /* ... or this: it was read from before */
    struct stream *stream;
    struct addr peer, local;
    /* where it meant to go; family ADDR_NONE: here */
    struct addr original;
};

#endif
