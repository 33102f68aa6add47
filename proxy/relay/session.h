/* One client: fills the server half's handler table. What concerns a message goes to its
 * transaction. */
#ifndef RELAY_SESSION_H
#define RELAY_SESSION_H

#include "delivery/failure.h"
#include "relay/arrival.h"
#include "relay/session_state.h"

/* Takes the connection. refuse: OWN_NOTHING, or what to say instead of a greeting. */
void session_begin(struct relay *relay, const struct listener_view *listener,
                   struct listener_count *count, const struct arrival *a, enum own refuse);
/* The drain took too long: 421, whatever the client is about. */
void session_send_away(struct session *s);
/* the relay is being freed */
void session_abandon(struct session *s);

#endif
