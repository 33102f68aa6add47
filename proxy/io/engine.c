#include "io/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/engine_private.h"

/* The pause between two attempts doubles up to this. It is longer where trying again may not help,
 * and longest where it works for a moment only, again and again. */
#define LONGEST_PAUSE (2 * USEC_PER_SEC)
#define LONGEST_WRONG_PAUSE (5 * USEC_PER_SEC)
#define LONGEST_FLAPPING_PAUSE (60 * USEC_PER_SEC)
#define PROVEN (10 * USEC_PER_SEC)

static void try_place(struct engine *e);
static void send_probe(struct engine *e);

/* ---- away, wrong, up ---- */

static void enter(struct engine *e, enum engine_state state)
{
    if (e->told && e->state == state)
        return;
    e->told = true;
    e->state = state;
    e->events->changed(e->ctx, state, e->names[e->place], e->words);
}

static void pause_before_next(struct engine *e)
{
    usec longest = e->flaps   ? LONGEST_FLAPPING_PAUSE
                   : e->wrong ? LONGEST_WRONG_PAUSE
                              : LONGEST_PAUSE;
    uint32_t lot;
    /* Instances that lost it at the same time do not come back at the same time. */
    loop_random(e->io->loop, &lot, sizeof lot);
    timer_arm(e->again, e->pause / 2 + (usec)(lot % 1024) * (e->pause / 2) / 1024);
    e->pause = 2 * e->pause < longest ? 2 * e->pause : longest;
}

static void close_link(struct engine *e)
{
    engine_link_close(&e->link);
    engine_stop_hearing(e);
    timer_stop(e->probe);
}

/* What worked does no more. What waits must know at once, before another place is tried. */
static void leave_working_place(struct engine *e, enum engine_state why)
{
    e->flaps = why == ENGINE_WRONG && engine_now(e) - e->up_since < PROVEN;
    if (!e->flaps)
        e->pause = ENGINE_FIRST_PAUSE;
    enter(e, why);
    e->place = 0;
    pause_before_next(e);
}

/* The connection is over. The next place is tried; after the last one, all again after a pause. */
static void leave_place(struct engine *e, enum engine_state why, const char *words)
{
    close_link(e);
    /* The first place that is wrong says more than a second one that is away. */
    if (!e->wrong)
        snprintf(e->words, sizeof e->words, "%s", words);
    e->wrong = e->wrong || why == ENGINE_WRONG;
    engine_end_questions(e, why);
    if (e->state == ENGINE_UP) {
        leave_working_place(e, why);
    } else if (e->place + 1 < e->settings.nplaces) {
        e->place++;
        try_place(e);
    } else {
        enter(e, e->wrong ? ENGINE_WRONG : ENGINE_AWAY);
        e->place = 0;
        pause_before_next(e);
    }
}

static void on_again(void *arg)
{
    struct engine *e = arg;
    e->wrong = false;
    try_place(e);
}

static void on_deadline(void *arg)
{
    struct engine *e = arg;
    char words[80];
    snprintf(words, sizeof words, "it does not answer within %lld ms",
             (long long)(e->settings.timeout / USEC_PER_MS));
    leave_place(e, ENGINE_AWAY, words);
}

/* The probe has run. */
static void be_up(struct engine *e)
{
    if (e->state == ENGINE_UP)
        return;
    e->wrong = false;
    e->words[0] = 0;
    e->up_since = engine_now(e);
    enter(e, ENGINE_UP);
    engine_hear(e);
}

/* ---- replies ---- */

/* Redis 5 and 6 put what a command within a script says behind words of their own. */
static bool says(struct slice text, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= text.len; i++)
        if (memcmp(text.data + i, word, n) == 0)
            return true;
    return false;
}

static bool is_about_all(struct slice text)
{
    static const char *const all[] = {"READONLY",
                                      "LOADING",
                                      "OOM ",
                                      "MISCONF",
                                      "NOPERM",
                                      "NOAUTH",
                                      "MASTERDOWN",
                                      "CLUSTERDOWN",
                                      "MOVED ",
                                      "BUSY ",
                                      "NOREPLICAS",
                                      "WRONGPASS",
                                      "The user executing the script"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (says(text, all[i]))
            return true;
    return false;
}

static const char *explain(struct slice text)
{
    static const struct {
        const char *word, *means;
    } rows[] = {
        {"READONLY", "it is a replica and takes no writes"},
        {"MASTERDOWN", "it is a replica that has lost its master"},
        {"LOADING", "it is still loading its data"},
        {"OOM ", "its memory is full (maxmemory)"},
        {"MISCONF", "it takes no writes because it cannot save to its disk"},
        {"NOPERM", "its ACL forbids the user what it must do"},
        {"The user executing the script", "its ACL forbids the user what it must do"},
        {"NOAUTH", "it wants a password (password_file)"},
        {"MOVED ", "it is a node of a Redis Cluster and another one has the keys"},
        {"CLUSTERDOWN", "its cluster is down"},
        {"BUSY ", "it is busy with a script of somebody else"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (says(text, rows[i].word))
            return rows[i].means;
    return "it refuses a script";
}

static void on_refusal(struct engine *e, struct engine_question *q, struct slice text)
{
    char words[CAP_ENGINE_WORDS];
    bool all = is_about_all(text) || q == e->probing;
    snprintf(words, sizeof words, "%s: %.*s", explain(text), (int)(text.len < 160 ? text.len : 160),
             text.data);
    if (q == e->probing)
        engine_forget_probe(e);
    engine_end_question(q, ENGINE_WRONG);
    if (all)
        leave_place(e, ENGINE_WRONG, words);
}

/* It does not know the script by its name. */
static void send_as_text(struct engine *e, struct engine_question *q)
{
    q->as_text = true;
    q->words[0] = slice_of("EVAL");
    q->words[1] = slice_of(q->script->text);
    if (!engine_send_question(e, q))
        engine_end_question(q, ENGINE_AWAY);
}

static void on_value(void *ctx, const struct engine_value *v)
{
    struct engine *e = ctx;
    if (link_is_alone(&e->asked)) {
        leave_place(e, ENGINE_WRONG, "it answers what was not asked");
        return;
    }
    struct engine_question *q = CONTAINER(e->asked.next, struct engine_question, link);
    link_remove(&q->link);
    e->nasked--;
    e->nresent -= q->as_text;
    engine_arm_deadline(e);
    if (v->kind == ENGINE_ERROR && q->script) {
        if (slice_starts(v->text, "NOSCRIPT") && !q->as_text)
            send_as_text(e, q);
        else
            on_refusal(e, q, v->text);
        return;
    }
    e->latency = engine_now(e) - q->asked;
    engine_answer_fn *answer = q->answer;
    void *answer_ctx = q->ctx;
    engine_question_free(q);
    if (answer)
        answer(answer_ctx, ENGINE_UP, v);
}

static void on_ready(void *ctx)
{
    send_probe(ctx);
}

static void on_lost(void *ctx, enum engine_loss loss, const char *words)
{
    char copy[CAP_ENGINE_WORDS];
    snprintf(copy, sizeof copy, "%s", words);
    leave_place(ctx, loss == LOSS_WRONG ? ENGINE_WRONG : ENGINE_AWAY, copy);
}

static const struct engine_link_events link_events = {
    .ready = on_ready, .value = on_value, .lost = on_lost};

static void try_place(struct engine *e)
{
    e->link = engine_link_open(e->io, &e->places[e->place], &link_events, e);
}

/* ---- the probe ---- */

static void on_probe_answer(void *ctx, enum engine_state state, const struct engine_value *value)
{
    struct engine *e = ctx;
    (void)state;
    e->probing = NULL;
    be_up(e);
    timer_arm(e->probe, e->settings.probe_every);
    if (e->events->probed)
        e->events->probed(e->ctx, value);
}

static void send_probe(struct engine *e)
{
    e->probing = engine_question_of(e, &e->settings.probe, on_probe_answer, e);
    if (engine_send_question(e, e->probing))
        return;
    struct engine_question *q = e->probing;
    engine_forget_probe(e);
    engine_end_question(q, ENGINE_AWAY);
    leave_place(e, ENGINE_AWAY, "it takes no more questions");
}

static void on_probe_timer(void *arg)
{
    struct engine *e = arg;
    if (!e->probing)
        send_probe(e);
    engine_check_hearing(e);
}

/* ---- life ---- */

static void copy_call(struct engine_call *to, const struct engine_call *from)
{
    struct slice *words = mem_alloc((from->nkeys + from->nargs) * sizeof *words + 1);
    *to = *from;
    for (size_t i = 0; i < from->nkeys + from->nargs; i++) {
        struct slice w = i < from->nkeys ? from->keys[i] : from->args[i - from->nkeys];
        words[i] = slice_make(mem_copy(w.data, w.len), w.len);
    }
    to->keys = words;
    to->args = words + from->nkeys;
}

static void copy_settings(struct engine *e, const struct engine_settings *s)
{
    e->settings = *s;
    e->settings.channel = s->channel ? mem_string(s->channel) : NULL;
    e->settings.username = s->username ? mem_string(s->username) : NULL;
    e->settings.password = secret_copy(s->password);
    copy_call(&e->settings.probe, &s->probe);
    e->places = mem_alloc(s->nplaces * sizeof *e->places);
    for (size_t i = 0; i < s->nplaces; i++)
        e->places[i] = (struct engine_link_settings){
            .host = mem_string(s->places[i].host),
            .port = s->places[i].port,
            .tls = s->tls && s->tls[i] ? tls_context_ref(s->tls[i]) : NULL,
            .username = e->settings.username,
            .password = e->settings.password};
    e->names = mem_alloc(s->nplaces * sizeof *e->names);
    for (size_t i = 0; i < s->nplaces; i++) {
        size_t size = strlen(s->places[i].host) + 16;
        e->names[i] = mem_alloc(size);
        snprintf(e->names[i], size, s->places[i].port ? "%s:%u" : "%s", s->places[i].host,
                 (unsigned)s->places[i].port);
    }
}

struct engine *engine_new(const struct io *io, const struct engine_settings *settings,
                          const struct engine_events *events, void *ctx)
{
    struct engine *e = NEW(struct engine);
    e->io = io;
    e->events = events;
    e->ctx = ctx;
    e->pause = e->listen_pause = ENGINE_FIRST_PAUSE;
    snprintf(e->words, sizeof e->words, "it was not asked yet");
    copy_settings(e, settings);
    link_init(&e->asked);
    link_init(&e->over);
    e->deadline = timer_new(io->loop, on_deadline, e);
    e->again = timer_new(io->loop, on_again, e);
    e->probe = timer_new(io->loop, on_probe_timer, e);
    e->listen = timer_new(io->loop, engine_hear_again, e);
    deferred_init(&e->deliver, engine_deliver, e);
    try_place(e);
    return e;
}

static void free_settings(struct engine *e)
{
    struct engine_call *probe = &e->settings.probe;
    for (size_t i = 0; i < probe->nkeys + probe->nargs; i++)
        free((char *)probe->keys[i].data);
    free((void *)probe->keys);
    free((char *)e->settings.channel);
    free((char *)e->settings.username);
    struct secret *password = (struct secret *)e->settings.password;
    secret_free(&password);
    for (size_t i = 0; i < e->settings.nplaces; i++) {
        free((char *)e->places[i].host);
        free(e->names[i]);
        if (e->places[i].tls)
            tls_context_unref(&e->places[i].tls);
    }
    free(e->places);
    free(e->names);
}

static void destroy(void *p)
{
    struct engine *e = p;
    free_settings(e);
    free(e);
}

void engine_free(struct engine **engine)
{
    struct engine *e = *engine;
    *engine = NULL;
    if (!e)
        return;
    /* What was asked last is done: it gives back what this instance had. */
    engine_link_finish(&e->link);
    engine_stop_hearing(e);
    while (!link_is_alone(&e->asked))
        engine_question_free(CONTAINER(e->asked.next, struct engine_question, link));
    while (!link_is_alone(&e->over))
        engine_question_free(CONTAINER(e->over.next, struct engine_question, link));
    timer_free(&e->deadline);
    timer_free(&e->again);
    timer_free(&e->probe);
    timer_free(&e->listen);
    deferred_cancel(&e->deliver);
    /* The links borrow the settings until the end of the turn. */
    loop_free_later(e->io->loop, e, destroy);
}

enum engine_state engine_state(const struct engine *e)
{
    return e->state;
}

const char *engine_words(const struct engine *e)
{
    return e->words;
}

const char *engine_place(const struct engine *e)
{
    return e->names[e->place];
}

usec engine_latency(const struct engine *e)
{
    return e->latency;
}
