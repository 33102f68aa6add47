#include "io/stream_private.h"

#include <assert.h>
#include <stdlib.h>

#include "base/caps.h"
#include "base/mem.h"
#include "base/secret.h"

enum {
    /* Bytes asked of the transport at once. */
    READ_SIZE = 16384,
    /* The most reads of one stream in one pump. TLS records of one octet each are as much work as
     * full ones, and other streams wait. */
    READS_PER_PUMP = 64,
    /* With TLS one write is one record, so that "may have left" never reaches beyond that
     * record. */
    RECORD_SIZE = 16384,
};

static void pump(struct stream *s, bool may_read);

/* The transport calls this from the loop. */
static void on_wake(void *arg)
{
    pump(arg, true);
}

static void on_later(void *arg)
{
    struct stream *s = arg;
    bool may_read = s->read_due;
    s->read_due = false;
    pump(s, may_read);
}

static struct stream *stream_new(struct transport *t, struct stream_caps caps, stream_fn *fn,
                                 void *ctx)
{
    struct stream *s = NEW(struct stream);
    s->loop = t->loop;
    s->transport = t;
    s->fn = fn;
    s->ctx = ctx;
    buf_init(&s->in, caps.input);
    buf_init(&s->out, caps.output);
    buf_init(&s->behind, caps.output);
    deferred_init(&s->later, on_later, s);
    link_init(&s->lingers);
    t->wake = on_wake;
    t->stream = s;
    return s;
}

/* Only this function decides what the stream waits for. */
void stream_want_events(struct stream *s)
{
    bool input = false, output = false;
    switch (s->phase) {
    case PHASE_CONNECTING:
    case PHASE_CLEARING: output = true; break;
    /* The transport knows in which direction its handshake waits. */
    case PHASE_HANDSHAKE: input = true; break;
    case PHASE_OPEN:
        input = !s->paused && !s->eof && buf_room(&s->in) > 0;
        output = s->out.len > 0;
        break;
    case PHASE_FINISHING:
        input = !s->eof;
        output = s->out.len > 0;
        break;
    case PHASE_BROKEN: break;
    case PHASE_CLOSED: return;
    }
    s->transport->ops->want(s->transport, input, output);
    if (input && s->transport->ops->has_pending(s->transport)) {
        s->read_due = true;
        loop_defer(s->loop, &s->later);
    }
}

static void wipe_output(struct stream *s)
{
    buf_wipe(&s->out);
    buf_wipe(&s->behind);
}

static void break_link(struct stream *s)
{
    s->phase = PHASE_BROKEN;
    wipe_output(s);
}

static bool is_owned(const struct stream *s)
{
    return s->phase != PHASE_CLOSED && s->phase != PHASE_FINISHING;
}

/* Returns false if the owner closed the stream or called stream_finish. */
static bool tell(struct stream *s, enum stream_event event)
{
    s->fn(s->ctx, s, event);
    return is_owned(s);
}

void stream_destroy(struct stream *s)
{
    s->phase = PHASE_CLOSED;
    stream_leave_lingering(s);
    deferred_cancel(&s->later);
    timer_free(&s->patience);
    tls_context_unref(&s->tls_wanted);
    s->transport->ops->close(s->transport);
    s->transport = NULL;
    buf_wipe(&s->in);
    wipe_output(s);
    loop_free_later(s->loop, s, free);
}

/* The bytes may be a password. Then nothing of it may stay in freed memory. */
static void drop_front(const struct stream *s, struct buf *b, size_t n)
{
    assert(n <= b->len);
    if (!s->careless)
        secret_erase(b->data + b->head, n);
    buf_consume(b, n);
}

static void gather_or_let_go(struct stream *s)
{
    const struct transport_ops *ops = s->transport->ops;
    if (s->gather != s->gathering && ops->gather)
        ops->gather(s->transport, s->gather);
    s->gathering = s->gather;
}

int stream_flush(struct stream *s)
{
    const struct transport_ops *ops = s->transport->ops;
    bool tls = ops->tls(s->transport) != NULL;
    gather_or_let_go(s);
    while (s->out.len) {
        struct slice view = buf_view(&s->out);
        uint64_t sent = stream_taken(s);
        if (s->phase == PHASE_CLEARING)
            view = slice_head(view, (size_t)(s->clear_until - sent));
        if (tls)
            view = slice_head(view, RECORD_SIZE);
        if (!view.len)
            return 0;
        ssize_t n = ops->write(s->transport, view.data, view.len, &s->err);
        if (n < 0)
            return -1;
        uint64_t handed = sent + (uint64_t)n;
        if (n == 0 && ops->write_is_uncertain(s->transport))
            handed = sent + view.len;
        if (handed > s->handed)
            s->handed = handed;
        if (n == 0)
            return 0;
        drop_front(s, &s->out, (size_t)n);
        /* It always fits. */
        if (!s->out.len && s->behind.len && !buf_move(&s->out, &s->behind))
            return -1;
    }
    return 0;
}

/* Bytes pass over the stack, so that the queue allocates only for what has arrived. While much
 * arrives it is read into the queue itself. */
static ssize_t read_some(struct stream *s, size_t room, struct err *err)
{
    UNINITIALIZED char chunk[READ_SIZE];
    size_t got;
    char *to = s->plenty && room == sizeof chunk ? buf_space(&s->in, room, &got) : chunk;
    ssize_t n = s->transport->ops->read(s->transport, to, room, err);
    if (n > 0 && to == chunk) {
        bool fits = buf_append(&s->in, chunk, (size_t)n);
        assert(fits);
        (void)fits;
    } else if (n > 0) {
        buf_commit(&s->in, (size_t)n);
    } else if (!s->in.len) {
        buf_free(&s->in);
    }
    s->plenty = n == READ_SIZE;
    return n;
}

int stream_fill(struct stream *s, bool *fresh_r)
{
    *fresh_r = false;
    for (int reads = 0; reads < READS_PER_PUMP && !s->eof && buf_room(&s->in); reads++) {
        size_t room = buf_room(&s->in) < READ_SIZE ? buf_room(&s->in) : READ_SIZE;
        UNINITIALIZED struct err err;
        ssize_t n = read_some(s, room, &err);
        if (n < 0 && err.kind == ERR_CLOSED) {
            s->eof = true;
        } else if (n < 0) {
            /* After a failed write, its words count, unless TLS knows more than the socket: an
             * alert that came before the reset. */
            if (s->phase != PHASE_BROKEN || (err.kind == ERR_TLS && s->err.kind != ERR_TLS))
                s->err = err;
            return -1;
        } else if (n == 0) {
            break;
        } else {
            *fresh_r = true;
            /* A short read returned all there was; the loop will say when there is more. On a dead
             * link the last bytes must be read now. */
            if ((size_t)n < room && s->phase != PHASE_BROKEN &&
                !s->transport->ops->has_pending(s->transport))
                break;
        }
    }
    return 0;
}

/* A step of connecting or of the handshake. Returns false if nothing more can be done in this
 * turn. */
static bool step(struct stream *s, enum transport_step (*take)(struct transport *, struct err *),
                 enum stream_event event)
{
    switch (take(s->transport, &s->err)) {
    case TRANSPORT_AGAIN: return false;
    case TRANSPORT_FAILED: break_link(s); return true;
    case TRANSPORT_DONE: break;
    }
    s->phase = PHASE_OPEN;
    return tell(s, event);
}

static int begin_tls(struct stream *s, struct tls_context *ctx, bool as_server,
                     const char *resume_key, struct err *err)
{
    s->phase = PHASE_HANDSHAKE;
    return s->transport->ops->start_tls(s->transport, ctx, as_server, resume_key, err);
}

/* Everything before ordinary traffic. Returns false if nothing more can be done in this turn, or if
 * the owner closed the stream. */
static bool get_ready(struct stream *s)
{
    if (s->phase == PHASE_CONNECTING && !step(s, s->transport->ops->connect_step, STREAM_CONNECTED))
        return false;
    if (s->phase == PHASE_CLEARING) {
        if (stream_flush(s) < 0)
            break_link(s);
        else if (stream_taken(s) < s->clear_until)
            return false;
        else if (begin_tls(s, s->tls_wanted, true, NULL, &s->err) < 0)
            break_link(s);
        tls_context_unref(&s->tls_wanted);
    }
    return s->phase != PHASE_HANDSHAKE ||
           step(s, s->transport->ops->handshake_step, STREAM_SECURED);
}

/* Reports bytes before the end, and the end before a failure. */
static void tell_news(struct stream *s, bool fresh)
{
    if (fresh || s->again) {
        bool due = s->in.len > 0 && !s->paused;
        s->again = s->paused;
        if (due && !tell(s, STREAM_INPUT))
            return;
    }
    /* The reader stopped early and will be called again. The end behind these bytes waits. */
    if (s->again && !s->paused) {
        loop_defer(s->loop, &s->later);
        return;
    }
    if (s->eof && !s->eof_told && !s->paused && s->phase == PHASE_OPEN) {
        s->eof_told = true;
        if (!tell(s, STREAM_EOF))
            return;
    }
    if (s->phase == PHASE_BROKEN && !s->failed_told) {
        s->failed_told = true;
        tell(s, STREAM_FAILED);
    }
}

static void pump(struct stream *s, bool may_read)
{
    bool fresh = false;
    deferred_cancel(&s->later);
    if (s->phase == PHASE_FINISHING) {
        stream_finish_step(s);
        return;
    }
    if (!get_ready(s)) {
        stream_want_events(s);
        return;
    }
    if (s->phase == PHASE_OPEN) {
        bool write_failed = stream_flush(s) < 0;
        if (write_failed)
            break_link(s);
        if (!write_failed && s->above_low && stream_queued(s) <= LOW_MARK) {
            s->above_low = false;
            if (!tell(s, STREAM_LOW))
                return;
        }
        /* After a failed write the peer's last bytes may still be in the socket, perhaps a 421 that
         * explains the failure. */
        if ((may_read || write_failed) && !s->paused && s->phase != PHASE_HANDSHAKE &&
            s->phase != PHASE_CLEARING && stream_fill(s, &fresh) < 0)
            break_link(s);
    }
    if (s->phase == PHASE_OPEN || s->phase == PHASE_BROKEN)
        tell_news(s, fresh);
    stream_want_events(s);
}

struct stream *stream_connect(struct loop *loop, const struct addr *to, const struct addr *source,
                              struct stream_caps caps, stream_fn *fn, void *ctx, struct err *err)
{
    struct transport *t = transport_connect(loop, to, source, err);
    if (!t)
        return NULL;
    struct stream *s = stream_new(t, caps, fn, ctx);
    s->phase = PHASE_CONNECTING;
    stream_want_events(s);
    return s;
}

struct stream *stream_accepted(struct transport *t, struct stream_caps caps, stream_fn *fn,
                               void *ctx)
{
    struct stream *s = stream_new(t, caps, fn, ctx);
    s->phase = PHASE_OPEN;
    stream_want_events(s);
    return s;
}

void stream_set_owner(struct stream *s, stream_fn *fn, void *ctx)
{
    s->fn = fn;
    s->ctx = ctx;
    s->again = s->in.len > 0;
    s->eof_told = false;
    loop_defer(s->loop, &s->later);
}

void stream_set_input_cap(struct stream *s, size_t cap)
{
    assert(cap >= s->in.len);
    s->in.cap = cap;
    stream_want_events(s);
}

struct slice stream_view(const struct stream *s)
{
    return buf_view(&s->in);
}

void stream_consume(struct stream *s, size_t n)
{
    bool was_full = buf_room(&s->in) == 0;
    if (n == 0)
        return;
    drop_front(s, &s->in, n);
    if (was_full && s->phase == PHASE_OPEN) {
        s->read_due = true;
        loop_defer(s->loop, &s->later);
    }
}

void stream_again(struct stream *s)
{
    if (!s->in.len)
        return;
    s->again = true;
    loop_defer(s->loop, &s->later);
}

void stream_pause(struct stream *s, bool paused)
{
    if (s->paused == paused)
        return;
    s->paused = paused;
    if (paused) {
        if (s->phase == PHASE_OPEN)
            stream_want_events(s);
        return;
    }
    s->again = s->in.len > 0;
    s->read_due = true;
    loop_defer(s->loop, &s->later);
}

void stream_wipe(struct stream *s, bool wipe)
{
    s->careless = !wipe;
}

void stream_gather(struct stream *s, bool gather)
{
    s->gather = gather;
    if (!gather && s->gathering && s->phase == PHASE_OPEN)
        loop_defer(s->loop, &s->later);
}

static void note_queued(struct stream *s, size_t n)
{
    s->queued += n;
    if (stream_queued(s) > LOW_MARK)
        s->above_low = true;
    if (n && s->phase == PHASE_OPEN)
        loop_defer(s->loop, &s->later);
}

bool stream_write(struct stream *s, const void *data, size_t n)
{
    if (n > stream_room(s) || !buf_append(s->behind.len ? &s->behind : &s->out, data, n))
        return false;
    note_queued(s, n);
    return true;
}

bool stream_write_buf(struct stream *s, struct buf *from)
{
    size_t n = from->len;
    /* Then one write is cheaper than two. */
    bool fits_in = s->out.len + n <= RECORD_SIZE;
    if (n > stream_room(s) ||
        !buf_move(s->behind.len || (s->out.len && !fits_in) ? &s->behind : &s->out, from))
        return false;
    note_queued(s, n);
    return true;
}

bool stream_write_slice(struct stream *s, struct slice data)
{
    return stream_write(s, data.data, data.len);
}

size_t stream_queued(const struct stream *s)
{
    return s->out.len + s->behind.len;
}

size_t stream_room(const struct stream *s)
{
    return s->phase == PHASE_BROKEN ? 0 : buf_room(&s->out) - s->behind.len;
}

uint64_t stream_position(const struct stream *s)
{
    return s->queued;
}

uint64_t stream_handed(const struct stream *s)
{
    return s->handed;
}

uint64_t stream_taken(const struct stream *s)
{
    return s->queued - stream_queued(s);
}

int stream_start_tls(struct stream *s, struct tls_context *ctx, bool as_server,
                     const char *resume_key, struct err *err)
{
    if (s->phase != PHASE_OPEN || s->transport->ops->tls(s->transport)) {
        err_set(err, ERR_INVALID, "TLS cannot begin on this connection");
        return -1;
    }
    if (s->in.len) {
        err_set(err, ERR_PROTOCOL, "unprotected bytes came in before the TLS handshake");
        return -1;
    }
    if (s->eof) {
        err_set(err, ERR_CLOSED, "the peer closed before the TLS handshake");
        return -1;
    }
    if (s->out.len && !as_server) {
        err_set(err, ERR_INVALID,
                "unprotected bytes are still to be sent before the TLS handshake");
        return -1;
    }
    s->again = false;
    loop_defer(s->loop, &s->later);
    if (s->out.len) {
        s->phase = PHASE_CLEARING;
        s->clear_until = s->queued;
        s->tls_wanted = tls_context_ref(ctx);
        return 0;
    }
    if (begin_tls(s, ctx, as_server, resume_key, err) < 0) {
        s->err = *err;
        break_link(s);
        /* The return value has reported it. */
        s->failed_told = true;
        return -1;
    }
    return 0;
}

const struct tls_facts *stream_tls(const struct stream *s)
{
    return s->transport->ops->tls(s->transport);
}

const struct err *stream_error(const struct stream *s)
{
    return &s->err;
}

const struct addr *stream_peer(const struct stream *s)
{
    return &s->transport->peer;
}

const struct addr *stream_local(const struct stream *s)
{
    return &s->transport->local;
}

bool stream_is_at_eof(const struct stream *s)
{
    return s->eof;
}

void stream_close(struct stream **s)
{
    if (*s)
        stream_destroy(*s);
    *s = NULL;
}
