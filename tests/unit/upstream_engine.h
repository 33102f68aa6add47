/* A shared engine for tests of the upstream room: it answers the questions of several instances in
 * one simulated world by the model of the scripts, and can be away or emptied. */
#ifndef UPSTREAM_ENGINE_H
#define UPSTREAM_ENGINE_H

#include "upstream_world.h"

#include "base/mem.h"
#include "io/loop.h"
#include "io/resp.h"
#include "sim/engine_model.h"
#include "upstream/cluster.h"

enum { ENGINE_LINES = 4 };

struct fake_engine {
    struct loop *loop;
    struct engine_model *model;
    struct fake_line *lines[ENGINE_LINES];
    size_t nlines;
    unsigned questions;
};

/* One instance's connection. */
struct fake_line {
    struct fake_engine *engine;
    struct engine_events events;
    void *ctx;
    /* Borrowed from the cluster. */
    struct engine_call probing;
    const char *channel;
    bool up;
    /* What is asked is done, and the answer is lost. */
    bool loses;
    struct timer *probe;
    /* What is to be heard. */
    struct timer *hearing;
    char message[64];
};

/* A question under way. The engine has done what it asks when it is asked, and the answer comes a
 * millisecond later. */
struct engine_question {
    struct timer *timer;
    engine_answer_fn *answer;
    void *ctx;
    /* NULL: the engine was away. */
    struct resp *reply;
};

/* Where the next connection leads to. */
static struct fake_engine *the_engine;

static inline struct resp *engine_run(struct fake_engine *e, const struct engine_call *call)
{
    struct buf out;
    struct resp *reply = resp_new();
    const struct model_call question = {.script = call->script->name,
                                        .keys = call->keys,
                                        .nkeys = call->nkeys,
                                        .args = call->args,
                                        .nargs = call->nargs};
    buf_init(&out, 65536);
    assert_true(engine_model_run(e->model, loop_wall_ms(e->loop), &question, &out));
    assert_true(resp_feed(reply, buf_view(&out)));
    buf_free(&out);
    e->questions++;
    return reply;
}

static inline void on_hearing(void *arg)
{
    struct fake_line *l = arg;
    if (l->up)
        l->events.heard(l->ctx, slice_of(l->message));
}

static inline void engine_published(void *ctx, const char *channel, const char *message)
{
    struct fake_engine *e = ctx;
    for (size_t i = 0; i < e->nlines; i++) {
        struct fake_line *l = e->lines[i];
        if (strcmp(l->channel, channel) != 0)
            continue;
        snprintf(l->message, sizeof l->message, "%s", message);
        timer_arm(l->hearing, MS);
    }
}

static inline void on_question(void *arg)
{
    struct engine_question *q = arg;
    const struct engine_value *value = NULL;
    timer_free(&q->timer);
    if (q->reply)
        assert_int_equal(resp_next(q->reply, &value), RESP_VALUE);
    q->answer(q->ctx, q->reply ? ENGINE_UP : ENGINE_AWAY, value);
    resp_free(&q->reply);
    free(q);
}

static inline struct engine_question *fake_ask(void *line, const struct engine_call *call,
                                               engine_answer_fn *answer, void *ctx)
{
    struct fake_line *l = line;
    struct engine_question *q = NEW(struct engine_question);
    q->answer = answer;
    q->ctx = ctx;
    q->timer = timer_new(l->engine->loop, on_question, q);
    timer_arm(q->timer, MS);
    q->reply = l->up ? engine_run(l->engine, call) : NULL;
    if (l->loses)
        resp_free(&q->reply);
    return q;
}

static inline void fake_cancel(struct engine_question **q)
{
    timer_free(&(*q)->timer);
    resp_free(&(*q)->reply);
    free(*q);
    *q = NULL;
}

static inline void fake_probe(void *arg)
{
    struct fake_line *l = arg;
    const struct engine_value *value;
    timer_arm(l->probe, S);
    if (!l->up)
        return;
    struct resp *reply = engine_run(l->engine, &l->probing);
    assert_int_equal(resp_next(reply, &value), RESP_VALUE);
    l->events.probed(l->ctx, value);
    resp_free(&reply);
}

static inline void *fake_open(const struct io *io, const struct engine_settings *settings,
                              const struct engine_events *events, void *ctx)
{
    struct fake_line *l = NEW(struct fake_line);
    l->engine = the_engine;
    l->events = *events;
    l->ctx = ctx;
    l->probing = settings->probe;
    l->channel = settings->channel;
    l->probe = timer_new(io->loop, fake_probe, l);
    l->hearing = timer_new(io->loop, on_hearing, l);
    assert_true(the_engine->nlines < ENGINE_LINES);
    the_engine->lines[the_engine->nlines++] = l;
    return l;
}

static inline void fake_close(void *line)
{
    struct fake_line *l = line;
    struct fake_engine *e = l->engine;
    for (size_t i = 0; i < e->nlines; i++)
        if (e->lines[i] == l)
            e->lines[i--] = e->lines[--e->nlines];
    timer_free(&l->probe);
    timer_free(&l->hearing);
    free(l);
}

static inline usec fake_latency(const void *line)
{
    (void)line;
    return MS;
}

static const struct cluster_line fake_lines = {.open = fake_open,
                                               .close = fake_close,
                                               .ask = fake_ask,
                                               .cancel = fake_cancel,
                                               .latency = fake_latency};

/* It comes, or goes, for one instance. */
static inline void engine_comes(struct fake_line *l, bool up)
{
    l->up = up;
    l->events.changed(l->ctx, up ? ENGINE_UP : ENGINE_AWAY, "engine:6379", up ? "" : "silent");
    fake_probe(l);
}

static inline void engine_begin(struct fake_engine *e, struct loop *loop)
{
    *e = (struct fake_engine){.loop = loop, .model = engine_model_new(engine_published, e)};
    the_engine = e;
}

static inline void engine_end(struct fake_engine *e)
{
    assert_int_equal(e->nlines, 0);
    engine_model_free(&e->model);
}

#endif
