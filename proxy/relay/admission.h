/* Decides which connections are let in, by networks, numbers and loops, and tells the log what an
 * operator should know about those that are not. */
#ifndef RELAY_ADMISSION_H
#define RELAY_ADMISSION_H

#include "delivery/failure.h"
#include "relay/arrival.h"
#include "relay/relay_state.h"

/* Returns whether connections from this peer begin with a PROXY header. */
bool admission_is_balancer(const struct listen_config *l, const struct addr *peer);
/* Returns OWN_NOTHING if it may come in, or why not. */
enum own admission_judge(const struct relay *relay, const struct listener_view *view,
                         const struct listener_count *count, const struct arrival *a);
void admission_tell_refused(struct relay *relay, const struct listen_config *l,
                            struct listener_count *count, const struct arrival *a, enum own why);
/* Notes who was refused, for the page and for monitoring. */
void admission_note_refused(struct relay *relay, struct listener_count *count,
                            const struct addr *client, enum client_refusal why);
void admission_watch_gateway(struct relay *relay, struct listener_count *count,
                             const struct arrival *a);

#endif
