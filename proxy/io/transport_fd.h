/* A transport over a descriptor: what the clear table and the TLS table share. transport_tcp.c
 * makes it. transport_tls.c replaces the table by its own. */
#ifndef IO_TRANSPORT_FD_H
#define IO_TRANSPORT_FD_H

#include <sys/socket.h>

#include "io/listener.h"
#include "io/loop_ev.h"
#include "io/transport.h"

struct tls_session;

struct fd_transport {
    struct transport base;
    ev_io watcher;
    /* Is in the loop's queue from the event to the wake. */
    struct deferred ready;
    int fd;
    bool connected;
    /* Owned by transport_tls.c. NULL while the link is clear. */
    struct tls_session *tls;
};

static inline struct fd_transport *fd_transport(const struct transport *t)
{
    return CONTAINER(t, struct fd_transport, base);
}

/* Gives. Takes an accepted, non-blocking, close-on-exec descriptor. Borrows the address that accept
 * returned, because a connection that was reset meanwhile has no other. */
struct transport *transport_accepted(struct loop *loop, int fd, const struct addr *peer);
/* EV_READ | EV_WRITE, or 0. */
void fd_transport_watch(struct fd_transport *t, int events);
void fd_transport_gather(struct transport *t, bool on);
/* Closes the descriptor, and frees at the end of the turn. */
void fd_transport_close(struct fd_transport *t);
int fd_transport_start_tls(struct transport *t, struct tls_context *ctx, bool as_server,
                           const char *resume_key, struct err *err);

/* The inverse of addr_from_sockaddr in listener.h. */
socklen_t sockaddr_from(const struct addr *a, struct sockaddr_storage *out);
/* Disables Nagle's algorithm and enables keepalive, for clients and upstreams. */
void socket_keep_alive(int fd);

#endif
