/* A tunnel through a SOCKS5 or HTTP CONNECT proxy on a connected stream, before its owner
 * speaks. */
#ifndef IO_TUNNEL_H
#define IO_TUNNEL_H

#include "base/secret.h"
#include "io/stream.h"

enum tunnel_kind { TUNNEL_NONE, TUNNEL_SOCKS5, TUNNEL_HTTP };

struct tunnel_target {
    enum tunnel_kind kind;
    /* NULL means that no authentication is offered. */
    const char *user;
    const struct secret *password;
    /* The destination: a name, which the proxy resolves, or an address literal. */
    const char *host;
    uint16_t port;
};

struct tunnel;

/* Is called on the loop. err is NULL when the tunnel is ready. Then the stream's view is empty or
 * holds the first bytes from beyond, and the callee must set the owner now. Otherwise err is
 * ERR_PROXY with the proxy's refusal in its own words, or the failure of the link. The words never
 * repeat the login. */
typedef void tunnel_fn(void *ctx, const struct err *err);

/* Gives. Becomes the stream's owner until the callback. Borrows the stream and the target's strings
 * until then. It has no deadline of its own. */
struct tunnel *tunnel_start(struct loop *loop, struct stream *s, const struct tunnel_target *target,
                            tunnel_fn *fn, void *ctx);
/* The callback is not called any more. The stream stays the caller's. */
void tunnel_cancel(struct tunnel **t);

#endif
