/* The carrier of messages to a service over HTTPS (smtp/carrier.h). RCPT is answered here; the body
 * is gathered; its end becomes one request, or two, whose answer is the verdict. What the events
 * mean stands in smtp/client.h. A session holds no connection: it is idle from the start, without a
 * `ready`, and not idle any more while its credential rests.
 *
 * What ends a message: `verdict` where the service has answered for it, or has enough of us for now
 * (carrier_wait); `declined` where this rung does not take it; `lost` where the service does not
 * work, refuses us, or left it open whether it has the message (end_of_data_sent). Then
 * failure.reply holds what a client hears, with the service's own words. */
#ifndef UPSTREAM_API_SESSION_H
#define UPSTREAM_API_SESSION_H

#include "api/api.h"
#include "base/addr.h"
#include "config/config.h"
#include "io/http.h"
#include "io/io.h"
#include "smtp/carrier.h"
#include "upstream/api_desk.h"
#include "wire/address.h"

struct credential;

/* What its owner is told, on the loop, beside the events of the carrier. `words` are one printable
 * line, without secrets. */
struct api_session_events {
    /* The service has taken a message: the login is proven. */
    void (*accepted)(void *ctx);
    /* The service refuses us, whatever the message: this rung rests. Each session that meets it
     * says so. */
    void (*refused)(void *ctx, const char *words);
    /* An answer that its API does not give: the finding `api`. */
    void (*strange)(void *ctx, const char *words);
    /* The session is over: nothing that was lent to it is used any more. Comes within carrier_quit,
     * or after `lost`. May be NULL. */
    void (*gone)(void *ctx);
};

/* Borrowed for the session's life, except where it is said. */
struct api_terms {
    const struct io *io;
    /* Its timeouts, its name and its host, for words and the log. */
    const struct upstream_config *cfg;
    const struct api_service *service;
    /* These are the values of `api_url` and `api_user`, or NULL. */
    const char *url, *user;
    /* The mailbox from which is sent. Copied. */
    const char *identity;
    /* Is asked before each request, and once more after a 401. */
    struct credential *credential;
    struct api_desk *desk;
    /* What it points to is borrowed; copied itself. */
    struct http_route route;
    /* Of the connection that proved the port: copied. NULL: not known. */
    const struct tls_facts *tls;
    const struct addr *peer;
    /* Gives the address that `aliases` and `qualify` make of one without a domain, or NULL (no such
     * address). May be NULL. Its ctx is `complete_ctx`. */
    char *(*complete)(void *ctx, const struct address *a);
    void *complete_ctx;
};

/* Gives. Copies the terms. */
struct carrier *api_session_new(const struct api_terms *terms,
                                const struct api_session_events *events, void *ctx);

#endif
