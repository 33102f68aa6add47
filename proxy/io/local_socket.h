/* Sockets between processes of this machine, found by a path: the spool's control socket, and
 * a shared engine's. Who may
 * reach them is decided by their mode and by the kernel's word about the peer. */
#ifndef IO_LOCAL_SOCKET_H
#define IO_LOCAL_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/units.h"
#include "io/listener.h"

/* Gives a listener on `path`, which gets mode 0600 before anybody can see it. What lies there is
 * replaced: the caller holds a lock that says that nobody uses it. */
struct listener *local_listen(struct loop *loop, const char *path, accept_fn *fn, void *ctx,
                              struct err *err) MUST_USE;
/* Whose process it is that connected. */
bool local_peer(const struct transport *t, uid_t *uid_r) MUST_USE;

/* Gives a transport that is connected to `path`: to stream_accepted. */
struct transport *local_transport(struct loop *loop, const char *path, struct err *err) MUST_USE;

/* For a program without a loop: gives a descriptor that blocks, for at most `patience` in one call,
 * or -1: ERR_NOT_FOUND and ERR_REFUSED: nobody listens. */
int local_connect(const char *path, usec patience, struct err *err) MUST_USE;

#endif
