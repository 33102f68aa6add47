/* The first three seconds of a load balancer's connection, in which it must say which client it
 * carries (PROXY v1, v2). The server half begins afterwards. No octet behind the header is read
 * here, because TLS may begin there. */
#ifndef RELAY_INTRODUCTION_H
#define RELAY_INTRODUCTION_H

#include "relay/arrival.h"
#include "relay/relay_state.h"

/* Takes a load balancer's connection. When it has said which client it carries, `admit` is called
 * and takes the connection. Keeps count. */
void introduction_begin(struct relay *relay, struct listener_count *count, struct transport *t,
                        void (*admit)(struct relay *relay, const char *listener,
                                      const struct arrival *a));
/* Closes all of them at once. */
void introductions_end(struct relay *relay);

#endif
