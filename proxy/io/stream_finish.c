/* The end of a stream without an owner: it writes its output, says goodbye and waits for the peer's
 * end. */
#include "io/stream_private.h"

/* Returns false if the link is dead. */
static bool say_last_words(struct stream *s)
{
    if (stream_flush(s) < 0)
        return false;
    if (!s->out.len && !s->said_goodbye) {
        s->said_goodbye = true;
        s->transport->ops->shutdown(s->transport);
    }
    return true;
}

/* Writes the output, says goodbye, then reads and drops the input. Closing with unread input would
 * cause a TCP reset, which may destroy our last bytes at the peer. */
void stream_finish_step(struct stream *s)
{
    if (!say_last_words(s)) {
        stream_destroy(s);
        return;
    }
    bool fresh;
    buf_free(&s->in);
    if (stream_fill(s, &fresh) < 0 || (s->eof && s->said_goodbye)) {
        stream_destroy(s);
        return;
    }
    buf_free(&s->in);
    stream_want_events(s);
}

void stream_leave_lingering(struct stream *s)
{
    if (s->among)
        s->among->n--;
    s->among = NULL;
    link_remove(&s->lingers);
}

static void on_patience(void *arg)
{
    stream_destroy(arg);
}

void lingering_init(struct lingering *l, size_t most)
{
    link_init(&l->streams);
    l->n = 0;
    l->most = most;
}

void lingering_end(struct lingering *l)
{
    while (!link_is_alone(&l->streams))
        stream_leave_lingering(CONTAINER(l->streams.next, struct stream, lingers));
}

static void linger_among(struct stream *s, struct lingering *among)
{
    while (among->n >= among->most) {
        struct stream *oldest = CONTAINER(among->streams.next, struct stream, lingers);
        (void)say_last_words(oldest);
        stream_destroy(oldest);
    }
    s->among = among;
    list_push_back(&among->streams, &s->lingers);
    among->n++;
}

void stream_finish(struct stream **stream, usec patience)
{
    stream_finish_among(stream, patience, NULL);
}

void stream_finish_among(struct stream **stream, usec patience, struct lingering *among)
{
    struct stream *s = *stream;
    *stream = NULL;
    if (!s)
        return;
    /* In other phases nothing can be said in order. */
    if (s->phase != PHASE_OPEN) {
        stream_destroy(s);
        return;
    }
    if (among)
        linger_among(s, among);
    s->phase = PHASE_FINISHING;
    s->patience = timer_new(s->loop, on_patience, s);
    timer_arm(s->patience, patience);
    loop_defer(s->loop, &s->later);
}
