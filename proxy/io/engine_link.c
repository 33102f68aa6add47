#include "io/engine_link.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/caps.h"
#include "base/mem.h"
#include "io/dns.h"
#include "io/local_socket.h"
#include "io/loop.h"
#include "io/stream.h"

/* For a name; for an address until the login is answered; for the second family when the first one
 * has answered (RFC 8305 section 3). */
#define NAME_PATIENCE (5 * USEC_PER_SEC)
#define ADDRESS_PATIENCE (2 * USEC_PER_SEC)
#define GRACE (50 * USEC_PER_MS)
/* For what was sent last. */
#define GOODBYE (300 * USEC_PER_MS)

enum link_state { LINK_RESOLVING, LINK_CONNECTING, LINK_LOGGING_IN, LINK_READY, LINK_OVER };

struct family {
    struct engine_link *link;
    struct dns_query *query;
    struct addr addresses[CAP_DNS_ADDRESSES];
    size_t n;
};

struct engine_link {
    const struct io *io;
    const struct engine_link_settings *settings;
    const struct engine_link_events *events;
    void *ctx;
    enum link_state state;
    struct family v6, v4;
    struct addr list[2 * CAP_DNS_ADDRESSES];
    size_t n, next;
    struct stream *stream;
    struct resp *resp;
    struct timer *timer;
    struct deferred begin;
    enum engine_loss loss;
    struct err err;
};

static void try_next(struct engine_link *l);

/* ---- its end ---- */

static void be_lost(struct engine_link *l)
{
    if (l->state == LINK_OVER)
        return;
    l->state = LINK_OVER;
    timer_stop(l->timer);
    if (l->stream)
        stream_close(&l->stream);
    l->events->lost(l->ctx, l->loss, l->err.words);
}

/* This address is none. Before the login is answered, the next one may be better. */
static void give_up_address(struct engine_link *l, enum engine_loss loss)
{
    l->loss = loss;
    if (l->state == LINK_READY) {
        be_lost(l);
        return;
    }
    if (l->stream)
        stream_close(&l->stream);
    try_next(l);
}

/* ---- a connection ---- */

static bool send_words(struct engine_link *l, const struct slice *words, size_t n)
{
    struct buf out;
    buf_init(&out, CAP_ENGINE_OUTPUT);
    bool ok = l->stream && resp_command(&out, words, n) && stream_write_buf(l->stream, &out);
    buf_wipe(&out);
    return ok;
}

bool engine_link_send(struct engine_link *l, const struct slice *words, size_t n)
{
    return l->state == LINK_READY && send_words(l, words, n);
}

static void be_ready(struct engine_link *l)
{
    l->state = LINK_READY;
    timer_stop(l->timer);
    l->events->ready(l->ctx);
}

static void log_in(struct engine_link *l)
{
    const struct engine_link_settings *s = l->settings;
    struct slice words[3] = {slice_of("AUTH")};
    size_t n = 1;
    if (!s->password) {
        be_ready(l);
        return;
    }
    if (s->username)
        words[n++] = slice_of(s->username);
    words[n++] = secret_reveal(s->password);
    l->state = LINK_LOGGING_IN;
    if (!send_words(l, words, n)) {
        err_set(&l->err, ERR_LIMIT, "the login cannot be sent");
        give_up_address(l, LOSS_AWAY);
    }
}

static void on_login_answer(struct engine_link *l, const struct engine_value *v)
{
    if (v->kind != ENGINE_ERROR) {
        be_ready(l);
        return;
    }
    err_set(&l->err, ERR_PERMISSION, "it refuses the login: %.200s", v->text.data);
    /* It must not be tried at each address: whoever guards the engine counts. */
    l->next = l->n;
    give_up_address(l, LOSS_WRONG);
}

/* What came is read up to the end, or until an event has ended the connection. */
static void on_input(struct engine_link *l)
{
    struct stream *stream = l->stream;
    struct slice view = stream_view(stream);
    bool fed = resp_feed(l->resp, view);
    enum resp_step step = RESP_BAD;
    const struct engine_value *v;
    stream_consume(stream, view.len);
    while (fed && l->stream == stream && (step = resp_next(l->resp, &v)) == RESP_VALUE) {
        if (l->state == LINK_LOGGING_IN)
            on_login_answer(l, v);
        else
            l->events->value(l->ctx, v);
    }
    if (l->stream != stream || step != RESP_BAD)
        return;
    err_set(&l->err, ERR_PROTOCOL, "%s", resp_fault(l->resp));
    give_up_address(l, LOSS_WRONG);
}

static void begin_tls(struct engine_link *l)
{
    char key[300];
    snprintf(key, sizeof key, "%.250s:%u", l->settings->host, (unsigned)l->settings->port);
    if (stream_start_tls(l->stream, l->settings->tls, false, key, &l->err) != 0)
        give_up_address(l, LOSS_AWAY);
}

static void on_failed(struct engine_link *l)
{
    const struct err *why = stream_error(l->stream);
    const struct tls_facts *tls = stream_tls(l->stream);
    l->err = *why;
    if (why->kind == ERR_CERTIFICATE && tls && tls->fault_words[0])
        err_set(&l->err, ERR_CERTIFICATE, "its certificate is not trusted: %.160s",
                tls->fault_words);
    give_up_address(l,
                    why->kind == ERR_CERTIFICATE || why->kind == ERR_TLS ? LOSS_WRONG : LOSS_AWAY);
}

static void on_stream(void *ctx, struct stream *s, enum stream_event event)
{
    struct engine_link *l = ctx;
    (void)s;
    switch (event) {
    case STREAM_CONNECTED:
        if (l->settings->tls)
            begin_tls(l);
        else
            log_in(l);
        break;
    case STREAM_SECURED: log_in(l); break;
    case STREAM_INPUT: on_input(l); break;
    case STREAM_LOW: break;
    case STREAM_EOF:
        err_set(&l->err, ERR_CLOSED, "it closed the connection");
        give_up_address(l, LOSS_AWAY);
        break;
    case STREAM_FAILED: on_failed(l); break;
    }
}

static const struct stream_caps caps = {.input = CAP_ENGINE_INPUT, .output = CAP_ENGINE_OUTPUT};

static void begin_address(struct engine_link *l)
{
    l->state = LINK_CONNECTING;
    timer_arm(l->timer, ADDRESS_PATIENCE);
    resp_free(&l->resp);
    l->resp = resp_new();
}

/* A socket of this machine is connected at once, or not at all. */
static void connect_path(struct engine_link *l)
{
    struct transport *t = local_transport(l->io->loop, l->settings->host, &l->err);
    if (!t) {
        be_lost(l);
        return;
    }
    begin_address(l);
    l->stream = stream_accepted(t, caps, on_stream, l);
    log_in(l);
}

static void try_next(struct engine_link *l)
{
    while (l->next < l->n) {
        struct addr to = l->list[l->next++];
        to.port = l->settings->port;
        l->stream = stream_connect(l->io->loop, &to, NULL, caps, on_stream, l, &l->err);
        if (l->stream) {
            begin_address(l);
            return;
        }
        l->loss = LOSS_AWAY;
    }
    be_lost(l);
}

/* ---- its name ---- */

static void use_addresses(struct engine_link *l)
{
    for (size_t i = 0; i < CAP_DNS_ADDRESSES; i++) {
        if (i < l->v6.n)
            l->list[l->n++] = l->v6.addresses[i];
        if (i < l->v4.n)
            l->list[l->n++] = l->v4.addresses[i];
    }
    dns_cancel(&l->v6.query);
    dns_cancel(&l->v4.query);
    try_next(l);
}

static void on_addresses(void *ctx, const struct addr *addresses, size_t n, const struct err *err)
{
    struct family *f = ctx;
    struct engine_link *l = f->link;
    f->query = NULL;
    for (size_t i = 0; i < n && f->n < CAP_DNS_ADDRESSES; i++)
        f->addresses[f->n++] = addresses[i];
    if (n == 0 && err)
        l->err = *err;
    if (l->state != LINK_RESOLVING)
        return;
    if (!l->v6.query && !l->v4.query)
        use_addresses(l);
    else if (n && timer_left(l->timer) > GRACE)
        timer_arm(l->timer, GRACE);
}

static void on_timer(void *arg)
{
    struct engine_link *l = arg;
    if (l->state == LINK_RESOLVING) {
        if (!l->v6.n && !l->v4.n)
            err_set(&l->err, ERR_TIMEOUT, "the resolver does not answer");
        use_addresses(l);
        return;
    }
    err_set(&l->err, ERR_TIMEOUT, "it does not answer");
    give_up_address(l, LOSS_AWAY);
}

static void on_begin(void *arg)
{
    struct engine_link *l = arg;
    if (l->settings->port == 0) {
        connect_path(l);
    } else if (addr_parse(slice_of(l->settings->host), &l->list[0])) {
        l->n = 1;
        try_next(l);
    } else {
        timer_arm(l->timer, NAME_PATIENCE);
        l->v6.query = dns_lookup(l->io->dns, l->settings->host, ADDR_V6, on_addresses, &l->v6);
        l->v4.query = dns_lookup(l->io->dns, l->settings->host, ADDR_V4, on_addresses, &l->v4);
    }
}

/* ---- life ---- */

struct engine_link *engine_link_open(const struct io *io,
                                     const struct engine_link_settings *settings,
                                     const struct engine_link_events *events, void *ctx)
{
    struct engine_link *l = NEW(struct engine_link);
    l->io = io;
    l->settings = settings;
    l->events = events;
    l->ctx = ctx;
    l->v6.link = l->v4.link = l;
    err_set(&l->err, ERR_NOT_FOUND, "it has no address");
    l->timer = timer_new(io->loop, on_timer, l);
    deferred_init(&l->begin, on_begin, l);
    loop_defer(io->loop, &l->begin);
    return l;
}

static void destroy(void *p)
{
    struct engine_link *l = p;
    resp_free(&l->resp);
    free(l);
}

static void end(struct engine_link *l)
{
    l->state = LINK_OVER;
    dns_cancel(&l->v6.query);
    dns_cancel(&l->v4.query);
    timer_free(&l->timer);
    deferred_cancel(&l->begin);
    if (l->stream)
        stream_close(&l->stream);
    /* It may be in the middle of a reply. */
    loop_free_later(l->io->loop, l, destroy);
}

void engine_link_close(struct engine_link **link)
{
    struct engine_link *l = *link;
    *link = NULL;
    if (l)
        end(l);
}

void engine_link_finish(struct engine_link **link)
{
    struct engine_link *l = *link;
    *link = NULL;
    if (!l)
        return;
    if (l->stream && l->state == LINK_READY)
        stream_finish(&l->stream, GOODBYE);
    end(l);
}
