#include "upstream/api_parcel.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "io/loop.h"

/* What one request reads while it is sent. */
struct shipment {
    struct parcel *parcel;
    struct api_request request;
};

struct parcel *parcel_new(const struct io *io, const struct gather_events *events, void *ctx)
{
    struct parcel *p = NEW(struct parcel);
    p->refs = 1;
    p->loop = io->loop;
    p->gather = gather_new(io->loop, io->gather, events, ctx);
    return p;
}

void parcel_add(struct parcel *p, struct slice recipient)
{
    p->recipients = mem_resize(p->recipients, (p->nrecipients + 1) * sizeof *p->recipients);
    p->recipients[p->nrecipients++] = slice_string(recipient);
}

enum api_fit parcel_close(struct parcel *p, const struct api_service *service,
                          char *(*complete)(void *ctx, const struct address *a), void *ctx,
                          char *words, size_t size)
{
    const struct api_recipients recipients = {.list = (const char *const *)p->recipients,
                                              .count = p->nrecipients,
                                              .complete = complete,
                                              .ctx = ctx};
    p->octets = gather_octets(p->gather);
    if (!api_service_reads_header(service))
        return API_FITS;
    enum api_fit fit = api_message_make(&p->message, &recipients, p->octets, words, size);
    p->octets = p->message.octets;
    return fit;
}

static void destroy(struct parcel *p)
{
    api_message_clear(&p->message);
    gather_free(&p->gather);
    for (size_t i = 0; i < p->nrecipients; i++)
        free(p->recipients[i]);
    free(p->recipients);
    free(p);
}

static void let_go(struct parcel *p)
{
    if (--p->refs == 0)
        destroy(p);
}

void parcel_unref(struct parcel **parcel)
{
    struct parcel *p = *parcel;
    *parcel = NULL;
    if (!p)
        return;
    gather_leave(p->gather);
    let_go(p);
}

/* ---- a request ---- */

static void release(void *ctx)
{
    struct shipment *s = ctx;
    api_request_clear(&s->request);
    let_go(s->parcel);
    free(s);
}

/* Letters that no message can guess. */
static void draw(struct loop *loop, char out[33])
{
    unsigned char random[16];
    loop_random(loop, random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(out + 2 * i, 3, "%02x", random[i]);
}

struct http_request *parcel_send(struct parcel *p, struct http *http, struct api_order *order,
                                 struct http_ask *ask, http_fn *fn, void *ctx, struct err *err)
{
    struct shipment *s = NEW(struct shipment);
    char boundary[33];
    draw(p->loop, boundary);
    p->refs++;
    s->parcel = p;
    order->boundary = boundary;
    order->recipients = (const char *const *)p->recipients;
    order->recipient_count = p->nrecipients;
    order->message = p->octets;
    if (api_request_make(&s->request, order, err) < 0) {
        release(s);
        return NULL;
    }
    ask->url = s->request.url;
    ask->headers = s->request.headers;
    ask->stream = &s->request.body;
    ask->release = release;
    ask->release_ctx = s;
    return http_send(http, ask, fn, ctx);
}
