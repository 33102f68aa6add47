/* A connection that was accepted, and its addresses. */
#ifndef RELAY_ARRIVAL_H
#define RELAY_ARRIVAL_H

#include "base/addr.h"

struct stream;
struct transport;

struct arrival {
    /* Set if nothing was read yet. Otherwise `stream` is set. */
    struct transport *transport;
    struct stream *stream;
    struct addr peer, local;
    /* The destination that the client meant before it was intercepted. Family ADDR_NONE if it was
     * not. */
    struct addr original;
};

#endif
