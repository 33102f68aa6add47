/* What the files of the relay share: all clients and all messages of a process. Nobody else
 * includes this. */
#ifndef RELAY_RELAY_STATE_H
#define RELAY_RELAY_STATE_H

#include "base/addr.h"
#include "base/list.h"
#include "delivery/copy.h"
#include "io/io.h"
#include "io/loop.h"
#include "mail/message.h"
#include "mail/names.h"
#include "relay/generation.h"
#include "relay/guard.h"
#include "relay/keep.h"
#include "relay/visitors.h"
#include "smtp/server.h"

/* by name, so that clients are counted across a reload */
struct listener_count {
    struct link link;
    char *name;
    unsigned clients;
    /* connections of load balancers that have not said yet who the client is */
    unsigned introductions;
    struct visitors *visitors;
    /* of the lines about refused clients */
    usec second_began;
    unsigned lines, silent;
    /* all clients so far came from there */
    struct addr one;
    unsigned from_one;
};

struct relay {
    /* the owner's and one per session */
    unsigned refs;
    const struct io *io;
    struct generation *current;
    struct link sessions;
    /* also those whose client is gone */
    struct link transactions;
    struct link counts;
    struct link introductions;
    /* Connections whose session is over already. Strangers never push out clients. */
    struct lingering refused, left;
    /* of `destinations`, and of the upstreams where a listener intercepts */
    struct names *names;
    size_t clients;
    struct copy_budget budget;
    /* logins of clients */
    struct passwords *passwords;
    struct guard guard;
    /* where messages are kept for later; no store: nowhere */
    struct relay_keep keep;
    struct message_watch watch;
    unsigned ids;
    /* drawn at once for as many ids */
    uint16_t chances[64];
    bool draining;
    /* by its owner: sessions only wait for their closed() */
    bool freed;
    void (*drained)(void *ctx);
    void *drained_ctx;
    struct deferred tell_drained;
};

/* Nulls nothing: the last reference frees what is left. */
void relay_state_unref(struct relay *relay);
/* Something ended: was it the last that a drain waits for? */
void relay_state_ended(struct relay *relay);

#endif
