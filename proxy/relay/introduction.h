/* A connection of a load balancer, before the server half exists: it must say who the client is
 * (PROXY v1, v2) and has three seconds for it. Not an octet behind the header is read here, for TLS
 * may begin there. */
#ifndef RELAY_INTRODUCTION_H
#define RELAY_INTRODUCTION_H

#include "relay/arrival.h"
#include "relay/relay_state.h"

/* Takes a load balancer's connection; `admit` follows when it has said who the client is, and takes
 * the connection then. Keeps count. */
void introduction_begin(struct relay *relay, struct listener_count *count, struct transport *t,
                        void (*admit)(struct relay *relay, const char *listener,
                                      const struct arrival *a));
/* all of them, at once */
void introductions_end(struct relay *relay);

#endif
