/* Requests over HTTPS: tokens today, mail over an API later. One thread runs all of them side by
 * side (libcurl's multi interface), so that a hundred dead endpoints hold up neither each other
 * nor a lookup; nothing of it ever runs on the loop but the answer's callback.
 *
 * What holds for every request: https, or http to this machine alone; the server's certificate is
 * verified against the system's authorities ($SSL_CERT_FILE counts) and `ca_file`; redirects are
 * not followed, no file of the user's is read, no cookie is kept; the answer has a cap, the whole
 * a deadline. What was sent and received is wiped. */
#ifndef IO_HTTP_H
#define IO_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/slice.h"
#include "io/loop.h"

struct http;
struct http_request;

/* gives; the thread comes with the first request */
struct http *http_new(struct loop *loop, struct err *err) MUST_USE;
/* Callbacks do not come any more. Waits a moment for the thread, then leaves it to the end of
 * the process. NULL is fine. */
void http_free(struct http **http);

/* How the server is reached. */
struct http_route {
    /* "socks5h://host:port" or "http://host:port"; NULL: as HTTPS_PROXY and NO_PROXY say; "":
     * none. */
    const char *proxy;
    /* Of the proxy; or NULL. */
    const char *proxy_user;
    const struct secret *proxy_password;
    /* The address to connect from; family ADDR_NONE: any. */
    struct addr source;
    /* ADDR_NONE: any. */
    enum addr_family family;
    /* Trusted beside the system's authorities (PEM); or NULL. */
    const char *ca_file;
};

struct http_ask {
    const char *url;
    /* Lines "Name: value", ended by NULL; or NULL. */
    const char *const *headers;
    /* NULL: a GET. Else the body of a POST. */
    const struct secret *body;
    struct http_route route;
    /* 0: CAP_HTTP_ANSWER. */
    size_t cap;
    /* 0: 10 s. */
    usec deadline;
};

struct http_answer {
    int status;
    /* NUL-terminated behind its end; wiped after the callback. */
    struct slice body;
    /* The server's own clock in Unix seconds; 0: it did not say. */
    int64_t date;
    /* How many seconds the server asks us to wait; -1: it does not ask. */
    int64_t retry_after;
    /* What the server calls this request in its own logs; "" nothing. Printable. */
    char id[80];
};

/* Called on the loop, once, never from inside http_send. Borrows answer until it returns; NULL
 * with err: there is no answer, and the words say why without the URL's query, a header or a
 * body. */
typedef void http_fn(void *ctx, const struct http_answer *answer, const struct err *err);

/* Copies everything. Never NULL: what is wrong with the request is told later, too. */
struct http_request *http_send(struct http *http, const struct http_ask *ask, http_fn *fn,
                               void *ctx);
/* the callback does not come any more; NULL is fine */
void http_cancel(struct http_request **request);

#endif
