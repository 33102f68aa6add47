#include "sim_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "io/loop.h"
#include "io/resp.h"
#include "sim_world.h"
#include "upstream/scripts.h"

enum { OUT_CAP = 4 * 1024 * 1024, ENDLESS = 1024 * 1024, KNOWN = 8 };

static const struct engine_script *const scripts[] = {&script_take,    &script_hold, &script_give,
                                                      &script_rate,    &script_auth, &script_token,
                                                      &script_members, NULL};

struct sim_engine {
    struct sim *sim;
    struct addr at;
    struct sim_listening *listening;
    struct sim_engine_script script;
    enum sim_engine_fault fault;
    usec slow;
    struct engine_model *model;
    struct link sessions;
    size_t nsessions;
    bool knows[KNOWN];
    unsigned runs;
};

struct engine_session {
    struct link link;
    struct sim_engine *e;
    struct sim_end *end;
    struct resp *in;
    struct buf out;
    /* Reads on when a script has taken its time. */
    struct sim_event due;
    bool waits, handshaking, let_in, over, dead;
    char *channel;
};

static void flow(void *ctx);

const char *sim_engine_fault_name(enum sim_engine_fault fault)
{
    static const char *const names[] = {"well", "slow",     "stopped", "silent", "resets",
                                        "down", "READONLY", "LOADING", "full",   "forbids",
                                        "deaf", "babbles",  "floods",  "twice"};
    return names[fault];
}

/* ---- sessions ---- */

static void session_free(struct engine_session *s)
{
    sim_event_stop(s->e->sim->loop, &s->due);
    if (s->end)
        sim_end_close(s->end);
    link_remove(&s->link);
    s->e->nsessions--;
    resp_free(&s->in);
    buf_free(&s->out);
    free(s->channel);
    free(s);
}

static void say(struct engine_session *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct engine_session *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)!buf_vprintf(&s->out, fmt, args);
    va_end(args);
}

/* ---- what is published ---- */

void sim_engine_publish(struct sim_engine *e, const char *channel, const char *message)
{
    if (e->fault == SIM_ENGINE_DEAF)
        return;
    LIST_EACH (&e->sessions, it) {
        struct engine_session *s = CONTAINER(it, struct engine_session, link);
        if (!s->channel || strcmp(s->channel, channel) != 0)
            continue;
        say(s, "*3\r\n$7\r\nmessage\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n", strlen(channel), channel,
            strlen(message), message);
        /* It leaves by itself, not from inside another session's command. */
        if (!s->waits)
            sim_event_arm(e->sim->loop, &s->due, 0);
    }
}

static void published(void *ctx, const char *channel, const char *message)
{
    sim_engine_publish(ctx, channel, message);
}

/* ---- scripts ---- */

static const char *refusal(const struct sim_engine *e)
{
    switch (e->fault) {
    case SIM_ENGINE_READONLY: return "READONLY You can't write against a read only replica.";
    case SIM_ENGINE_LOADING: return "LOADING Redis is loading the dataset in memory";
    case SIM_ENGINE_FULL: return "OOM command not allowed when used memory > 'maxmemory'.";
    case SIM_ENGINE_FORBIDS: return "NOPERM this user has no permissions to run the command";
    default: return NULL;
    }
}

/* KNOWN - 1: there is no such script. */
static size_t find_script(struct slice word, bool is_name)
{
    size_t i = 0;
    while (scripts[i] && !slice_is(word, is_name ? scripts[i]->sha1 : scripts[i]->text))
        i++;
    return i;
}

static void run_script(struct engine_session *s, const struct engine_value *v, bool by_name)
{
    struct sim_engine *e = s->e;
    size_t i = v->n >= 3 ? find_script(v->items[1].text, by_name) : KNOWN - 1;
    size_t nkeys = v->n >= 3 ? (size_t)atoi(v->items[2].text.data) : 0;
    if (!scripts[i] || (by_name && !e->knows[i]) || nkeys + 3 > v->n) {
        say(s, "-NOSCRIPT No matching script. Please use EVAL.\r\n");
        return;
    }
    e->knows[i] = true;
    struct slice *words = mem_alloc(v->n * sizeof *words);
    for (size_t k = 3; k < v->n; k++)
        words[k - 3] = v->items[k].text;
    struct model_call call = {.script = scripts[i]->name,
                              .keys = words,
                              .nkeys = nkeys,
                              .args = words + nkeys,
                              .nargs = v->n - 3 - nkeys};
    e->runs++;
    engine_model_run(e->model, loop_wall_ms(e->sim->loop), &call, &s->out);
    free(words);
}

/* ---- commands ---- */

static void subscribe(struct engine_session *s, struct slice channel)
{
    free(s->channel);
    s->channel = slice_string(channel);
    say(s, "*3\r\n$9\r\nsubscribe\r\n$%zu\r\n%s\r\n:1\r\n", channel.len, s->channel);
}

static void log_in(struct engine_session *s, const struct engine_value *v)
{
    const char *password = s->e->script.password;
    s->let_in = password && v->n >= 2 && slice_is(v->items[v->n - 1].text, password);
    say(s, s->let_in ? "+OK\r\n" : "-WRONGPASS invalid username-password pair\r\n");
}

static void obey(struct engine_session *s, const struct engine_value *v)
{
    struct slice verb = v->n ? v->items[0].text : slice_make(NULL, 0);
    const char *no = refusal(s->e);
    if (slice_is_word(verb, "AUTH"))
        log_in(s, v);
    else if (s->e->script.password && !s->let_in)
        say(s, "-NOAUTH Authentication required.\r\n");
    else if (no)
        say(s, "-%s\r\n", no);
    else if (slice_is_word(verb, "EVALSHA") || slice_is_word(verb, "EVAL"))
        run_script(s, v, slice_is_word(verb, "EVALSHA"));
    else if (slice_is_word(verb, "SUBSCRIBE") && v->n == 2)
        subscribe(s, v->items[1].text);
    else if (slice_is_word(verb, "PING"))
        say(s, s->channel ? "*2\r\n$4\r\npong\r\n$0\r\n\r\n" : "+PONG\r\n");
    else
        say(s, "-ERR unknown command '%.*s'\r\n", (int)verb.len, verb.data);
}

/* What becomes of the answer behind `before`. Returns false if the session is over. */
static bool strike(struct engine_session *s, size_t before)
{
    struct err err;
    size_t n = s->out.len - before;
    char *answer = s->out.data + s->out.head + before;
    switch (s->e->fault) {
    case SIM_ENGINE_SILENT: s->out.len = before; return true;
    case SIM_ENGINE_RESETS:
        (void)!sim_end_write(s->end, answer, n / 2, &err);
        sim_end_reset(s->end);
        s->end = NULL;
        return false;
    case SIM_ENGINE_BABBLES:
        s->out.len = before;
        say(s, "HTTP/1.1 400 Bad Request\r\n\r\n");
        return true;
    case SIM_ENGINE_FLOODS: {
        char *x = mem_alloc(ENDLESS);
        memset(x, '7', ENDLESS);
        s->out.len = before;
        say(s, "$%d\r\n", 2 * ENDLESS);
        (void)!buf_append(&s->out, x, ENDLESS);
        free(x);
        return true;
    }
    case SIM_ENGINE_TWICE: {
        char *copy = mem_copy(answer, n);
        (void)!buf_append(&s->out, copy, n);
        free(copy);
        return true;
    }
    default: return true;
    }
}

static usec time_of_answer(const struct sim_engine *e)
{
    return e->fault == SIM_ENGINE_SLOW ? e->slow : e->script.delay;
}

/* One command after the other, each in its time. */
static void work(struct engine_session *s)
{
    const struct engine_value *v;
    while (!s->waits && s->end && resp_next(s->in, &v) == RESP_VALUE) {
        size_t before = s->out.len;
        if (v->kind != ENGINE_ARRAY) {
            s->over = true;
            return;
        }
        obey(s, v);
        if (!strike(s, before))
            return;
        if (time_of_answer(s->e) > 0) {
            s->waits = true;
            sim_event_arm(s->e->sim->loop, &s->due, time_of_answer(s->e));
        }
    }
}

/* ---- the network ---- */

static bool write_out(struct engine_session *s)
{
    struct err err;
    while (s->out.len) {
        struct slice view = buf_view(&s->out);
        ssize_t n = sim_end_write(s->end, view.data, view.len, &err);
        if (n < 0)
            return false;
        if (n == 0)
            return true;
        buf_consume(&s->out, (size_t)n);
    }
    return true;
}

static void read_in(struct engine_session *s)
{
    char chunk[8192];
    struct err err;
    for (;;) {
        ssize_t n = sim_end_read(s->end, chunk, sizeof chunk, &err);
        if (n == 0)
            return;
        if (n < 0 || !resp_feed(s->in, slice_make(chunk, (size_t)n))) {
            s->over = true;
            return;
        }
        work(s);
        if (!s->end)
            return;
    }
}

static void flow(void *ctx)
{
    struct engine_session *s = ctx;
    struct err err;
    if (s->e->fault == SIM_ENGINE_STOPPED || s->dead)
        return;
    if (s->end && s->handshaking) {
        enum transport_step step = sim_end_handshake(s->end, &err);
        if (step == TRANSPORT_AGAIN)
            return;
        s->handshaking = false;
        s->over = step == TRANSPORT_FAILED;
    }
    /* What was answered leaves before the next command takes its time. */
    if (s->end && !s->waits && !write_out(s))
        s->over = true;
    if (s->end && !s->over)
        work(s);
    if (s->end && !s->over)
        read_in(s);
    if (s->end && !s->waits && !write_out(s))
        s->over = true;
    /* Whoever stands in it leaves it first. */
    if (s->over || !s->end)
        sim_event_arm(s->e->sim->loop, &s->due, 0);
}

static void due(void *arg)
{
    struct engine_session *s = arg;
    s->waits = false;
    if (s->over || !s->end)
        session_free(s);
    else
        flow(s);
}

static void accepted(void *ctx, struct sim_end *end)
{
    struct sim_engine *e = ctx;
    struct engine_session *s = NEW(struct engine_session);
    s->e = e;
    s->end = end;
    s->in = resp_new();
    buf_init(&s->out, OUT_CAP);
    sim_event_init(&s->due, due, s);
    list_push_back(&e->sessions, &s->link);
    e->nsessions++;
    sim_end_set_owner(end, flow, s);
    s->handshaking = e->script.tls != NULL;
    if (e->script.tls)
        sim_end_tls_as_server(end, e->script.tls);
}

/* ---- its life ---- */

static void listen_now(struct sim_engine *e)
{
    if (!e->listening)
        e->listening = sim_listen(e->sim, &e->at, accepted, e);
}

static void end_sessions(struct sim_engine *e)
{
    while (!link_is_alone(&e->sessions))
        session_free(CONTAINER(e->sessions.next, struct engine_session, link));
}

struct sim_engine *sim_engine_new(struct sim *sim, const char *at,
                                  const struct sim_engine_script *script)
{
    struct sim_engine *e = NEW(struct sim_engine);
    e->sim = sim;
    e->script = *script;
    e->model = engine_model_new(published, e);
    link_init(&e->sessions);
    if (!addr_parse_with_port(slice_of(at), &e->at))
        abort();
    listen_now(e);
    return e;
}

void sim_engine_free(struct sim_engine **engine)
{
    struct sim_engine *e = *engine;
    *engine = NULL;
    if (!e)
        return;
    end_sessions(e);
    if (e->listening)
        sim_listening_close(&e->listening);
    engine_model_free(&e->model);
    free(e);
}

void sim_engine_fault(struct sim_engine *e, enum sim_engine_fault fault, usec delay)
{
    sim_say(e->sim, "engine: %s", sim_engine_fault_name(fault));
    e->fault = fault;
    e->slow = delay;
    if (fault == SIM_ENGINE_DOWN) {
        end_sessions(e);
        if (e->listening)
            sim_listening_close(&e->listening);
        return;
    }
    listen_now(e);
    /* What stood still goes on. */
    LIST_EACH (&e->sessions, it) {
        struct engine_session *s = CONTAINER(it, struct engine_session, link);
        s->dead = s->dead || (fault == SIM_ENGINE_DEAF && s->channel);
        if (!s->waits)
            sim_event_arm(e->sim->loop, &s->due, 0);
    }
}

void sim_engine_flush(struct sim_engine *e)
{
    sim_say(e->sim, "engine: FLUSHALL");
    engine_model_flush(e->model);
}

void sim_engine_restart(struct sim_engine *e)
{
    sim_say(e->sim, "engine: restarted");
    end_sessions(e);
    engine_model_flush(e->model);
    memset(e->knows, 0, sizeof e->knows);
}

struct engine_model *sim_engine_model(struct sim_engine *e)
{
    return e->model;
}

unsigned sim_engine_runs(const struct sim_engine *e)
{
    return e->runs;
}

size_t sim_engine_sessions(const struct sim_engine *e)
{
    return e->nsessions;
}
