/* The relay serves all clients of a process. It fills the handler table of the server half and
 * gives each message to a delivery. Nothing else knows both. A reload swaps the generation (config
 * and accounts) for new sessions only. */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include <stddef.h>

#include "config/config.h"
#include "mail/message.h"
#include "mail/refusals.h"
#include "relay/keep.h"

struct accounts;
struct certificates;
struct io;
struct names;
struct relay;
struct transport;

/* Keeps references to config and certificates. `accounts` must live until relay_free or the next
 * relay_reload has returned. Gives. */
struct relay *relay_new(const struct io *io, struct config *config, struct accounts *accounts,
                        struct certificates *certificates);
/* Takes a connection that was accepted on a listener. It gets a session, or is refused by `allow`
 * or a cap. Listeners are known by name, so that they survive a reload. */
void relay_accept(struct relay *relay, const char *listener, struct transport *t);
/* New sessions get the new generation. Open sessions keep the one that they began with. */
void relay_reload(struct relay *relay, struct config *config, struct accounts *accounts,
                  struct certificates *certificates);
/* Accepts no more clients. Idle ones get 421 4.3.2, and messages in progress finish. `drained` is
 * called on the loop when no client is left and no verdict of an upstream is awaited. */
void relay_drain(struct relay *relay, void (*drained)(void *ctx), void *ctx);
/* The drain took too long. Every client that is left gets 421 4.3.2 at once. */
void relay_send_away(struct relay *relay);
size_t relay_clients(const struct relay *relay);
unsigned relay_listener_clients(const struct relay *relay, const char *listener);
/* Returns who was refused lately, lent until the loop's turn ends; and how many were since the
 * start. */
const struct refused_clients *relay_refusals(const struct relay *relay);
uint64_t relay_refused(const struct relay *relay, const char *listener, enum client_refusal why);
/* Tells `watch` of each message that ends, until relay_free. */
void relay_watch(struct relay *relay, struct message_watch watch);
/* Lends what is known of the names of destinations, until relay_free. */
const struct names *relay_names(const struct relay *relay);
/* Sets which messages are kept for later. It holds for messages that begin from now on. Copies. */
void relay_set_keep(struct relay *relay, const struct relay_keep *keep);
/* Returns whether a message in progress may still be kept, because it began before relay_set_keep
 * said no. */
bool relay_may_keep(const struct relay *relay);
/* Closes what is left. */
void relay_free(struct relay **relay);

#endif
