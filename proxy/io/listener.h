/* Listening sockets. In simulation the virtual network provides them. */
#ifndef IO_LISTENER_H
#define IO_LISTENER_H

#include "base/addr.h"
#include "io/loop.h"

struct listener;
struct sockaddr;
struct transport;

/* Takes an accepted transport, which knows the peer's and the local address. Pass it to
 * stream_accepted. Called from the loop. */
typedef void accept_fn(void *ctx, struct transport *t);

/* Gives a listener that is bound and listens, close-on-exec, V6ONLY for IPv6. Returns NULL with
 * err: ERR_PERMISSION for a port below 1024 without the right to it, or that the port is in use,
 * and so on. */
struct listener *listener_open(struct loop *loop, const struct addr *at, accept_fn *fn, void *ctx,
                               struct err *err) MUST_USE;
/* Binds and listens without a loop, for a server that accepts on a thread of its own. Gives a
 * descriptor, or returns -1 with err. *bound_r has the real port if 0 was asked for. */
int listener_bind(const struct addr *at, struct addr *bound_r, struct err *err) MUST_USE;
/* Returns whether any interface of this machine has the address now. The port is ignored. Any
 * thread may call it. */
bool listener_address_is_ours(const struct addr *at);
/* Converts the system's form. A mapped IPv4 address comes out as IPv4. */
struct addr addr_from_sockaddr(const struct sockaddr *sa);
/* Takes a TCP descriptor that listens already (socket activation) and gives a listener. Returns
 * NULL if it is none; then it stays the caller's. */
struct listener *listener_adopt(struct loop *loop, int fd, accept_fn *fn, void *ctx,
                                struct err *err) MUST_USE;
/* Takes a descriptor that is known to listen and does not block. */
struct listener *listener_take(struct loop *loop, int fd, accept_fn *fn, void *ctx);
/* Borrows. The port is the real one if 0 was asked for. */
const struct addr *listener_address(const struct listener *l);
void listener_pause(struct listener *l, bool paused);
void listener_close(struct listener **l);
/* At EMFILE and ENFILE a reserve descriptor is used to accept, answer 421 and close. Then accepting
 * pauses for 100 ms. */

#endif
