/* Requests over HTTPS: tokens, and mail over an API. One thread runs all of them side by
 * side (libcurl's multi interface), so that a hundred dead endpoints delay neither each other nor a
 * lookup. Only the callback runs on the loop.
 *
 * These rules hold for every request. It uses https, or http to this machine. The server's
 * certificate is verified against the system's authorities ($SSL_CERT_FILE counts) and `ca_file`.
 * Redirects are not followed, no file of the user is read, no cookie is kept. The answer has a cap,
 * and the whole request has a deadline. What was sent and received is wiped. */
#ifndef IO_HTTP_H
#define IO_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/err.h"
#include "base/octets.h"
#include "base/secret.h"
#include "base/slice.h"
#include "io/loop.h"

struct http;
struct http_request;

/* Gives. The thread starts with the first request. */
struct http *http_new(struct loop *loop, struct err *err) MUST_USE;
/* No callback is called any more. Waits a moment for the thread, then lets it run until the process
 * ends. *http may be NULL. */
void http_free(struct http **http);

/* The route says how to reach the server. */
struct http_route {
    /* The proxy is "socks5h://host:port" or "http://host:port". NULL means that HTTPS_PROXY and
     * NO_PROXY decide. "" means that there is no proxy. */
    const char *proxy;
    /* The user at the proxy, or NULL. */
    const char *proxy_user;
    const struct secret *proxy_password;
    /* The local address to connect from. Family ADDR_NONE means any. */
    struct addr source;
    /* ADDR_NONE means any. */
    enum addr_family family;
    /* PEM of authorities that are trusted beside the system's, or NULL. */
    const char *ca_file;
};

struct http_ask {
    const char *url;
    /* Lines "Name: value", ended by NULL, or NULL. */
    const char *const *headers;
    /* The body of a POST. NULL makes it a GET. */
    const struct secret *body;
    /* Or a body of any length, which is read while it is sent, on the thread. NULL: there is none.
     * It is sent once: where a connection of before turns out to be dead when all of it was handed
     * over, the request fails instead of being sent anew. An answer to it counts from its status
     * line on: its body may be cut. */
    const struct octets *stream;
    /* Is called on the loop, once, when `stream` is not read any more: after the callback, and some
     * time after http_cancel. May be NULL. */
    void (*release)(void *ctx);
    void *release_ctx;
    struct http_route route;
    /* 0 means CAP_HTTP_ANSWER. */
    size_t cap;
    /* 0 means 10 s. */
    usec deadline;
    /* The connection must stand within this part of the deadline. 0 means all of it. */
    usec connect_deadline;
};

struct http_answer {
    int status;
    /* There is a NUL behind its end. It is wiped after the callback. */
    struct slice body;
    /* The server's clock in Unix seconds, or 0 if it did not say. */
    int64_t date;
    /* The server asks us to wait for this many seconds. It is -1 if the server does not ask. */
    int64_t retry_after;
    /* The server's name for this request in its own logs, or "". Printable. */
    char id[80];
};

/* Is called on the loop, once, never from inside http_send. Borrows answer until it returns. NULL
 * with err means that there is no answer. The words say why, without the URL's query, a header or a
 * body. */
typedef void http_fn(void *ctx, const struct http_answer *answer, const struct err *err);

/* Copies everything. Never returns NULL: an invalid request is reported later, too. */
struct http_request *http_send(struct http *http, const struct http_ask *ask, http_fn *fn,
                               void *ctx);
/* Returns whether the last octet of the `stream` was handed over. Then the server may have all of
 * it. The callback may call this until it returns. */
bool http_was_sent(const struct http_request *request);
/* The callback is not called any more. *request may be NULL. */
void http_cancel(struct http_request **request);

#endif
