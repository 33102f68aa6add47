/* Who is let in: networks, numbers, loops. And what an operator should know about who comes. */
#ifndef RELAY_ADMISSION_H
#define RELAY_ADMISSION_H

#include "delivery/failure.h"
#include "relay/arrival.h"
#include "relay/relay_state.h"

/* Its connections begin with a PROXY header. */
bool admission_is_balancer(const struct listen_config *l, const struct addr *peer);
/* OWN_NOTHING: it may come in. */
enum own admission_judge(const struct relay *relay, const struct listener_view *view,
                         const struct listener_count *count, const struct arrival *a);
void admission_tell_refused(struct relay *relay, const struct listen_config *l,
                            struct listener_count *count, const struct arrival *a, enum own why);
void admission_watch_gateway(struct relay *relay, struct listener_count *count,
                             const struct arrival *a);

#endif
