/* One client. Fills the handler table of the server half. Commands about a message go to its
 * transaction. */
#ifndef RELAY_SESSION_H
#define RELAY_SESSION_H

#include "delivery/failure.h"
#include "relay/arrival.h"
#include "relay/session_state.h"

/* Takes the connection. `refuse` is OWN_NOTHING, or the reply in place of a greeting. */
void session_begin(struct relay *relay, const struct listener_view *listener,
                   struct listener_count *count, const struct arrival *a, enum own refuse);
/* The drain took too long. Sends 421 at once. */
void session_send_away(struct session *s);
/* The relay is being freed. */
void session_abandon(struct session *s);

#endif
