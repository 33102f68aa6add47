/* Through a SOCKS5 or HTTP CONNECT proxy on a connected stream, before its owner speaks. */
#ifndef IO_TUNNEL_H
#define IO_TUNNEL_H

#include "base/secret.h"
#include "io/stream.h"

enum tunnel_kind { TUNNEL_NONE, TUNNEL_SOCKS5, TUNNEL_HTTP };

struct tunnel_target {
    enum tunnel_kind kind;
    /* NULL: no authentication offered */
    const char *user;
    const struct secret *password;
    /* where to: a name (resolved by the proxy) or an address literal */
    const char *host;
    uint16_t port;
};

struct tunnel;

/* On the loop: err NULL when the tunnel stands (the stream's view is empty or holds the first bytes
 * from beyond; the caller must set the owner now); otherwise ERR_PROXY with the proxy's refusal in
 * its own words, or what happened to the link. */
typedef void tunnel_fn(void *ctx, const struct err *err);

/* Becomes the stream's owner until the callback; borrows the stream and the target's strings until
 * then. No deadline of its own. */
struct tunnel *tunnel_start(struct loop *loop, struct stream *s, const struct tunnel_target *target,
                            tunnel_fn *fn, void *ctx);
/* no callback any more; the stream stays the caller's */
void tunnel_cancel(struct tunnel **t);

#endif
