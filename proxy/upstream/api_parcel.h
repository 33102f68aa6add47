/* A message on its way to a service over HTTPS: gathered, made to fit its envelope, and lent to the
 * requests that carry it. A request that was given up is read a little longer by another thread, so
 * the parcel lives until the last one has let go of it. */
#ifndef UPSTREAM_API_PARCEL_H
#define UPSTREAM_API_PARCEL_H

#include "api/api.h"
#include "api/recipients.h"
#include "io/gather.h"
#include "io/io.h"

struct parcel {
    unsigned refs;
    struct loop *loop;
    struct gather *gather;
    /* The addresses of the envelope. */
    char **recipients;
    size_t nrecipients;
    /* With the header that the service gets, where it reads one. */
    struct api_message message;
    /* What is sent. */
    struct octets octets;
};

/* Gives one reference. */
struct parcel *parcel_new(const struct io *io, const struct gather_events *events, void *ctx);
void parcel_add(struct parcel *p, struct slice recipient);
/* When the gather has all: what the service will get. `complete` is of api_recipients. words: as
 * api_message_make. */
enum api_fit parcel_close(struct parcel *p, const struct api_service *service,
                          char *(*complete)(void *ctx, const struct address *a), void *ctx,
                          char *words, size_t size);
/* The gather tells nothing any more. *parcel may be NULL. */
void parcel_unref(struct parcel **parcel);

/* Sends it. ask: where and how long; the rest is filled in. order: whose message and recipients are
 * filled in. Gives the request, or returns NULL with err if none can be made. */
struct http_request *parcel_send(struct parcel *p, struct http *http, struct api_order *order,
                                 struct http_ask *ask, http_fn *fn, void *ctx,
                                 struct err *err) MUST_USE;

#endif
