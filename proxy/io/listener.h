/* Listening sockets. In simulation the virtual network provides them. */
#ifndef IO_LISTENER_H
#define IO_LISTENER_H

#include "base/addr.h"
#include "io/loop.h"

struct listener;
struct sockaddr;
struct transport;

/* Takes an accepted transport (peer and local addresses are in it); wrap it with stream_accepted.
 * Called from the loop. */
typedef void accept_fn(void *ctx, struct transport *t);

/* Binds and listens, close-on-exec, V6ONLY for IPv6. Gives; NULL with err (ERR_PERMISSION for a
 * port below 1024 without the right; port in use, no such address …). */
struct listener *listener_open(struct loop *loop, const struct addr *at, accept_fn *fn, void *ctx,
                               struct err *err) MUST_USE;
/* The same without a loop, for a server that accepts on a thread of its own: gives a descriptor; -1
 * with err. *bound_r has the real port when 0 was asked for. */
int listener_bind(const struct addr *at, struct addr *bound_r, struct err *err) MUST_USE;
/* Whether this machine has the address now, on any of its interfaces; the port is not looked at.
 * Any thread may ask. */
bool listener_address_is_ours(const struct addr *at);
/* From the system's form; a mapped IPv4 address comes out as IPv4. */
struct addr addr_from_sockaddr(const struct sockaddr *sa);
/* Takes a TCP descriptor that listens already (socket activation). NULL: it is none, and stays the
 * caller's. */
struct listener *listener_adopt(struct loop *loop, int fd, accept_fn *fn, void *ctx,
                                struct err *err) MUST_USE;
/* with the real port when 0 was asked for */
const struct addr *listener_address(const struct listener *l);
void listener_pause(struct listener *l, bool paused);
void listener_close(struct listener **l);
/* At EMFILE/ENFILE a reserve descriptor is spent to accept, answer 421 and close; then accepting
 * rests 100 ms. */

#endif
