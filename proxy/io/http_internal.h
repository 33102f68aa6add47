/* Shared by http.c (the thread and the loop's side) and http_transfer.c (one request and
 * libcurl). */
#ifndef IO_HTTP_INTERNAL_H
#define IO_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/list.h"
#include "io/http.h"

struct http_request {
    /* Is in one list of struct http. */
    struct link link;
    struct http *http;
    /* The handle is NULL if it could not be made. Then err says why. */
    CURL *easy;
    struct curl_slist *headers;
    /* One of the two is sent. It is the body if stream.read is NULL. */
    struct secret *body;
    struct octets stream;
    uint64_t body_sent;
    /* All of the stream was read once, whatever was rewound since. */
    bool sent_whole;
    void (*release)(void *ctx);
    void *release_ctx;
    char *host, *ca_file;
    char why[CURL_ERROR_SIZE];
    /* The octets of the header lines so far. */
    size_t header_octets;
    struct buf received;
    int64_t retry_date;
    struct http_answer answer;
    struct err err;
    /* It is NULL if the request was cancelled. It belongs to the loop. The thread looks at
     * `cancelled`. */
    http_fn *fn;
    void *ctx;
    atomic_bool cancelled;
};

/* Fills the request, on the loop. If that fails, easy stays NULL. */
void http_transfer_prepare(struct http_request *r, const struct http_ask *ask,
                           const char *authorities);
/* Fills answer or err, on the thread, when libcurl has finished. */
void http_transfer_judge(struct http_request *r, CURLcode code);
void http_transfer_clear(struct http_request *r);

#endif
