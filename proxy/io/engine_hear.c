/* The second connection to an engine: the channel of this instance. */
#include "io/engine_private.h"

#define LONGEST_PAUSE (30 * USEC_PER_SEC)

void engine_stop_hearing(struct engine *e)
{
    engine_link_close(&e->hearing);
    timer_stop(e->listen);
    e->pinged = false;
}

static void on_hearing_ready(void *ctx)
{
    struct engine *e = ctx;
    const struct slice words[] = {slice_of("SUBSCRIBE"), slice_of(e->settings.channel)};
    if (!engine_link_send(e->hearing, words, 2))
        timer_arm(e->listen, e->listen_pause);
}

static void on_hearing_lost(void *ctx, enum engine_loss loss, const char *words)
{
    struct engine *e = ctx;
    (void)loss;
    (void)words;
    engine_stop_hearing(e);
    timer_arm(e->listen, e->listen_pause);
    e->listen_pause = 2 * e->listen_pause < LONGEST_PAUSE ? 2 * e->listen_pause : LONGEST_PAUSE;
}

static void on_hearing_value(void *ctx, const struct engine_value *v)
{
    struct engine *e = ctx;
    if (v->kind == ENGINE_ERROR) {
        /* A PING that the ACL forbids is answered, too. */
        if (!e->pinged)
            on_hearing_lost(e, LOSS_WRONG, "");
        e->pinged = false;
        return;
    }
    if (v->kind != ENGINE_ARRAY || v->n < 2 || v->items[0].kind != ENGINE_TEXT)
        return;
    struct slice what = v->items[0].text;
    if (slice_is(what, "pong"))
        e->pinged = false;
    if (slice_is(what, "subscribe")) {
        e->listen_pause = ENGINE_FIRST_PAUSE;
        if (e->events->listening)
            e->events->listening(e->ctx);
    }
    if (slice_is(what, "message") && v->n == 3 && v->items[2].kind == ENGINE_TEXT &&
        e->events->heard)
        e->events->heard(e->ctx, v->items[2].text);
}

static const struct engine_link_events hearing_events = {
    .ready = on_hearing_ready, .value = on_hearing_value, .lost = on_hearing_lost};

void engine_hear(struct engine *e)
{
    engine_stop_hearing(e);
    if (e->settings.channel)
        e->hearing = engine_link_open(e->io, &e->places[e->place], &hearing_events, e);
}

/* A channel that says nothing may be dead. */
void engine_check_hearing(struct engine *e)
{
    const struct slice ping = slice_of("PING");
    if (!e->hearing)
        return;
    if (e->pinged) {
        engine_stop_hearing(e);
        timer_arm(e->listen, e->listen_pause);
    } else if (engine_link_send(e->hearing, &ping, 1)) {
        e->pinged = true;
    }
}

void engine_hear_again(void *arg)
{
    struct engine *e = arg;
    if (e->state == ENGINE_UP)
        engine_hear(e);
}
