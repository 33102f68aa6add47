/* One client. */
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
    /* NULL: refused at connect, counted nowhere */
    struct listener_count *count;
    /* its address among the listener's; with count */
    struct visitor *visitor;
    /* where it meant to go */
    struct addr original;
    struct smtp_server *server;
    /* or NULL */
    struct transaction *transaction;
    /* an AUTH that is being checked, or NULL */
    struct client_login *login;
};

#endif
