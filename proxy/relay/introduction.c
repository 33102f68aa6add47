#include "relay/introduction.h"

#include <stdlib.h>

#include "base/caps.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/stream.h"
#include "wire/proxy_header.h"

#define PATIENCE (3 * USEC_PER_SEC)

struct introduction {
    /* In relay.introductions. */
    struct link link;
    struct relay *relay;
    struct listener_count *count;
    struct stream *stream;
    struct timer *deadline;
    void (*admit)(struct relay *relay, const char *listener, const struct arrival *a);
};

/* Frees all but the stream, which has another owner now. */
static void over(struct introduction *i)
{
    i->count->introductions--;
    link_remove(&i->link);
    timer_free(&i->deadline);
    stream_close(&i->stream);
    loop_free_later(i->relay->io->loop, i, free);
}

/* Closes without a reply, because no mail session has begun. A balancer that only tests whether the
 * port is open is not worth a log line, whether it closes or resets the connection. */
static void refuse(struct introduction *i, const char *why)
{
    char balancer[ADDR_TEXT];
    bool only_looked = timer_is_armed(i->deadline) && !stream_view(i->stream).len;
    log_event(i->relay->io->log, only_looked ? LOG_DEBUG : LOG_WARN,
              "a connection of a load balancer was closed",
              log_str("client", addr_text(stream_peer(i->stream), balancer)),
              log_str("listener", i->count->name), log_str("reason", why));
    over(i);
}

static void on_deadline(void *arg)
{
    refuse(arg, "no whole PROXY header came in time");
}

static void hand_over(struct introduction *i, const struct proxy_header *header)
{
    struct relay *relay = i->relay;
    struct arrival a = {
        .stream = i->stream, .peer = *stream_peer(i->stream), .local = *stream_local(i->stream)};
    stream_consume(i->stream, header->length);
    if (header->has_addresses) {
        a.peer = header->source;
        a.local = header->destination;
    }
    i->stream = NULL;
    const char *listener = i->count->name;
    over(i);
    i->admit(relay, listener, &a);
}

static void read_header(struct introduction *i)
{
    struct proxy_header header;
    struct slice view = stream_view(i->stream);
    switch (proxy_header_parse(view, &header)) {
    case PROXY_HEADER_MORE: stream_set_input_cap(i->stream, view.len + header.need); break;
    case PROXY_HEADER_DONE: hand_over(i, &header); break;
    case PROXY_HEADER_BAD: refuse(i, header.why); break;
    }
}

static void on_stream(void *ctx, struct stream *stream, enum stream_event event)
{
    struct introduction *i = ctx;
    switch (event) {
    case STREAM_INPUT: read_header(i); break;
    case STREAM_EOF: refuse(i, "it was closed before its PROXY header was whole"); break;
    case STREAM_FAILED: refuse(i, stream_error(stream)->words); break;
    case STREAM_CONNECTED:
    case STREAM_SECURED:
    case STREAM_LOW: break;
    }
}

void introduction_begin(struct relay *relay, struct listener_count *count, struct transport *t,
                        void (*admit)(struct relay *relay, const char *listener,
                                      const struct arrival *a))
{
    struct introduction *i = NEW(struct introduction);
    struct proxy_header first;
    i->relay = relay;
    i->count = count;
    i->admit = admit;
    count->introductions++;
    list_push_back(&relay->introductions, &i->link);
    i->deadline = timer_new(relay->io->loop, on_deadline, i);
    timer_arm(i->deadline, PATIENCE);
    (void)proxy_header_parse(slice_of(""), &first);
    i->stream = stream_accepted(
        t, (struct stream_caps){.input = first.need, .output = CAP_CLIENT_OUTPUT}, on_stream, i);
}

void introductions_end(struct relay *relay)
{
    LIST_EACH (&relay->introductions, it)
        over(CONTAINER(it, struct introduction, link));
}
