/* The relay: joins the server half and the client half. Fills the server's handler table and the
 * client's event table, and nothing else knows both. One relay serves all listeners of a process; a
 * reload swaps the generation (config + accounts) for new sessions only. */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include <stddef.h>

#include "config/config.h"
#include "mail/message.h"
#include "relay/keep.h"

struct accounts;
struct certificates;
struct io;
struct names;
struct relay;
struct transport;

/* Keeps references to config, certificates and accounts' owner: `accounts` must live until
 * relay_free or the next relay_reload has ended. Gives. */
struct relay *relay_new(const struct io *io, struct config *config, struct accounts *accounts,
                        struct certificates *certificates);
/* Takes a client accepted on a listener: allow, caps, then a server session. Listeners are known by
 * name, so that they survive a reload. */
void relay_accept(struct relay *relay, const char *listener, struct transport *t);
/* New sessions get the new generation; sessions under way keep what they began with. */
void relay_reload(struct relay *relay, struct config *config, struct accounts *accounts,
                  struct certificates *certificates);
/* No new clients; idle ones get 421 4.3.2, running messages finish. `drained` is called on the loop
 * when no client and no unfinished upstream verdict is left. */
void relay_drain(struct relay *relay, void (*drained)(void *ctx), void *ctx);
/* the drain took too long: who is still there gets 421 4.3.2, whatever he is about */
void relay_send_away(struct relay *relay);
size_t relay_clients(const struct relay *relay);
unsigned relay_listener_clients(const struct relay *relay, const char *listener);
/* Who is told of each message that ends, beside the log. Until relay_free. */
void relay_watch(struct relay *relay, struct message_watch watch);
/* What is known of the names of destinations. Lends until relay_free. */
const struct names *relay_names(const struct relay *relay);
/* What is kept for later, for messages that begin from now on. Copies. */
void relay_set_keep(struct relay *relay, const struct relay_keep *keep);
/* A message under way may still come to be kept: it began before relay_set_keep said no. */
bool relay_may_keep(const struct relay *relay);
/* closes what is left */
void relay_free(struct relay **relay);

#endif
