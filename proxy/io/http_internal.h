/* For http.c (the thread and the loop's side) and http_transfer.c (one request in libcurl's
 * words) alone. */
#ifndef IO_HTTP_INTERNAL_H
#define IO_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/list.h"
#include "io/http.h"

struct http_request {
    /* In one list of struct http. */
    struct link link;
    struct http *http;
    /* NULL: it could not even be made, and err says why. */
    CURL *easy;
    struct curl_slist *headers;
    struct secret *body;
    size_t body_sent;
    char *host, *ca_file;
    char why[CURL_ERROR_SIZE];
    /* Octets of the header lines so far. */
    size_t header_octets;
    struct buf received;
    int64_t retry_date;
    struct http_answer answer;
    struct err err;
    /* NULL: cancelled. The loop's; the thread looks at `cancelled`. */
    http_fn *fn;
    void *ctx;
    atomic_bool cancelled;
};

/* Fills the request from the ask, on the loop. Where that fails, easy stays NULL. */
void http_transfer_prepare(struct http_request *r, const struct http_ask *ask,
                           const char *authorities);
/* Fills answer or err, on the thread, when libcurl is done with it. */
void http_transfer_judge(struct http_request *r, CURLcode code);
void http_transfer_clear(struct http_request *r);

#endif
