/* One connection to a shared engine: its name is looked up, its addresses are tried one after the
 * other, TLS is begun, the user logs in. After that it sends commands and reports replies in their
 * order. It is opened once and ends once; engine.c opens the next one. */
#ifndef IO_ENGINE_LINK_H
#define IO_ENGINE_LINK_H

#include "base/secret.h"
#include "io/io.h"
#include "io/resp.h"
#include "io/tls_context.h"

struct engine_link;

enum engine_loss {
    /* It could not be reached, said nothing in time, or went. */
    LOSS_AWAY,
    /* It answered, and it is not what was configured: no certificate that is trusted, another
     * protocol, a login that it refuses. */
    LOSS_WRONG,
};

struct engine_link_settings {
    /* A name, an address literal, or with port 0 the path of a socket. */
    const char *host;
    uint16_t port;
    /* NULL means that the link is clear. */
    struct tls_context *tls;
    /* Each may be NULL. Without a password no login is made. */
    const char *username;
    const struct secret *password;
};

/* They come from the loop, never from inside a call that you made. */
struct engine_link_events {
    /* Commands may be sent. */
    void (*ready)(void *ctx);
    /* Borrows. */
    void (*value)(void *ctx, const struct engine_value *value);
    /* It is over: close it. Borrows the words. */
    void (*lost)(void *ctx, enum engine_loss loss, const char *words);
};

/* Gives. Keeps io, borrows the settings for its life. */
struct engine_link *engine_link_open(const struct io *io,
                                     const struct engine_link_settings *settings,
                                     const struct engine_link_events *events, void *ctx);
/* No event comes any more. *link may be NULL. */
void engine_link_close(struct engine_link **link);
/* The same, and what was sent before still goes out. */
void engine_link_finish(struct engine_link **link);
/* Returns false if too much waits already, or before it is ready. */
bool engine_link_send(struct engine_link *link, const struct slice *words, size_t n) MUST_USE;

#endif
