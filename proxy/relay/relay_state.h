/* Shared by the files of the relay: all clients and all messages of a process. No other room
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
#include "mail/refusals.h"
#include "relay/generation.h"
#include "relay/guard.h"
#include "relay/keep.h"
#include "relay/visitors.h"
#include "smtp/server.h"

/* One for each listener's name, so that clients are counted across a reload. */
struct listener_count {
    struct link link;
    char *name;
    unsigned clients;
    /* The number of load balancers' connections that have not said yet which client they carry. */
    unsigned introductions;
    struct visitors *visitors;
    /* For the log lines about refused clients. */
    usec second_began;
    unsigned lines, silent;
    uint64_t refused[CLIENT_REFUSALS];
    /* All clients so far came from this address. */
    struct addr one;
    unsigned from_one;
};

struct relay {
    /* The owner has one, and each session. */
    unsigned refs;
    const struct io *io;
    struct generation *current;
    struct link sessions;
    /* Those whose client is gone are in it, too. */
    struct link transactions;
    struct link counts;
    struct link introductions;
    /* Connections whose session is over already. Strangers never push out clients. */
    struct lingering refused, left;
    /* The names in `destinations`, and those of the upstreams if a listener intercepts. */
    struct names *names;
    size_t clients;
    struct refused_clients refusals;
    struct copy_budget budget;
    /* Checks the passwords of clients. */
    struct passwords *passwords;
    struct guard guard;
    /* Where messages are kept for later. Without a store they are not. */
    struct relay_keep keep;
    struct message_watch watch;
    unsigned ids;
    /* Random numbers for the next ids, drawn together. */
    uint16_t chances[64];
    bool draining;
    /* The owner has freed it. Sessions only wait for their closed(). */
    bool freed;
    void (*drained)(void *ctx);
    void *drained_ctx;
    struct deferred tell_drained;
};

/* Releases a reference. The last one frees what is left. */
void relay_state_unref(struct relay *relay);
/* Returns the counters of a listener. Makes them if there are none. */
struct listener_count *relay_count_of(struct relay *relay, const char *listener);
/* Call this when a session or a transaction has ended. Ends the drain if it was the last. */
void relay_state_ended(struct relay *relay);

#endif
