/* The state of one client. */
#ifndef RELAY_SESSION_STATE_H
#define RELAY_SESSION_STATE_H

#include "relay/relay_state.h"

struct client_login;
struct transaction;

struct session {
    struct link link;
    struct relay *relay;
    struct generation *generation;
    const struct listener_view *listener;
    /* NULL if it was refused at connect. Then it is not counted. */
    struct listener_count *count;
    /* Its address among those of the listener. Set with count. */
    struct visitor *visitor;
    /* The destination that it meant (arrival.h). */
    struct addr original;
    struct smtp_server *server;
    /* May be NULL. */
    struct transaction *transaction;
    /* The AUTH that is being checked, or NULL. */
    struct client_login *login;
};

#endif
