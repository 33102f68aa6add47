#include "upstream/cluster_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "upstream/scripts.h"

/* How often it is looked who is there, and whether the engine still knows of us. */
#define LOOK_EVERY (1 * USEC_PER_SEC)
/* At the start the engine has this long until its absence is told. */
#define PATIENCE_AT_START (2 * USEC_PER_SEC)

/* ---- the line ---- */

static void *line_open(const struct io *io, const struct engine_settings *settings,
                       const struct engine_events *events, void *ctx)
{
    return engine_new(io, settings, events, ctx);
}

static void line_close(void *line)
{
    struct engine *e = line;
    engine_free(&e);
}

static struct engine_question *line_ask(void *line, const struct engine_call *call,
                                        engine_answer_fn *answer, void *ctx)
{
    return engine_ask(line, call, answer, ctx);
}

static usec line_latency(const void *line)
{
    return engine_latency(line);
}

static const struct cluster_line engine_line = {.open = line_open,
                                                .close = line_close,
                                                .ask = line_ask,
                                                .cancel = engine_cancel,
                                                .latency = line_latency};

/* ---- seats ---- */

void cluster_sit(struct cluster *c, struct cluster_seat *seat, const char *id,
                 const struct cluster_seat_events *events, void *ctx)
{
    link_init(&seat->link);
    seat->cluster = cluster_ref(c);
    snprintf(seat->id, sizeof seat->id, "%s", id);
    seat->events = events;
    seat->ctx = ctx;
    list_push_back(&c->seats, &seat->link);
}

struct cluster_seat *cluster_seat_of(const struct cluster *c, const char *id,
                                     const struct cluster_seat_events *events)
{
    LIST_EACH (&c->seats, it) {
        struct cluster_seat *seat = CONTAINER(it, struct cluster_seat, link);
        if (seat->events == events && strcmp(seat->id, id) == 0)
            return seat;
    }
    return NULL;
}

void cluster_rise(struct cluster_seat *seat)
{
    if (!seat->cluster)
        return;
    link_remove(&seat->link);
    cluster_unref(&seat->cluster);
}

void cluster_call_state(struct cluster *c, bool emptied)
{
    c->emptied = emptied;
    LIST_EACH (&c->seats, it) {
        struct cluster_seat *seat = CONTAINER(it, struct cluster_seat, link);
        seat->events->state(seat->ctx);
    }
    c->emptied = false;
}

void cluster_call_changed(struct cluster *c)
{
    LIST_EACH (&c->seats, it) {
        struct cluster_seat *seat = CONTAINER(it, struct cluster_seat, link);
        seat->events->changed(seat->ctx);
    }
}

static void on_beat(void *arg)
{
    struct cluster *c = arg;
    timer_arm(c->beat, cluster_config(c)->lease / 3);
    if (cluster_is_up(c))
        cluster_call_state(c, false);
}

/* ---- coming and going ---- */

/* Returns "a third of each limit" and the like. */
static const char *part_words(unsigned n, char out[48])
{
    static const char *const words[] = {"all of each limit", "all of each limit",
                                        "half of each limit", "a third of each limit",
                                        "a quarter of each limit"};
    if (n < sizeof words / sizeof words[0])
        return words[n];
    snprintf(out, 48, "one %uth of each limit", n);
    return out;
}

static void tell_alone(struct cluster *c)
{
    char part[48], words[200];
    if (c->told_alone || c->looked)
        return;
    c->told_alone = true;
    snprintf(words, sizeof words,
             c->state == ENGINE_WRONG
                 ? "the shared engine answers and can't be used: this instance uses %s by itself"
                 : "the shared engine does not answer: this instance uses %s by itself",
             part_words(cluster_instances(c), part));
    log_event(c->io->log, c->state == ENGINE_WRONG ? LOG_ERROR : LOG_WARN, words,
              log_str("engine", c->place), log_num("instances", cluster_instances(c)),
              log_str("why", c->words));
}

static void on_start(void *arg)
{
    struct cluster *c = arg;
    if (c->state != ENGINE_UP)
        tell_alone(c);
}

static void on_opening(void *arg)
{
    cluster_call_changed(arg);
}

static void back(struct cluster *c)
{
    usec now = cluster_now(c);
    if (c->known)
        c->back_at = now;
    timer_stop(c->opening);
    c->alone += now - c->alone_since;
    if (c->told_alone)
        log_event(c->io->log, LOG_INFO, "together again", log_str("engine", c->place),
                  log_num("instances", cluster_instances(c)),
                  log_num("alone_for", (now - c->alone_since) / USEC_PER_SEC));
    c->told_alone = false;
    c->alone_since = 0;
    timer_arm(c->beat, cluster_config(c)->lease / 3);
    cluster_call_state(c, true);
}

static void on_changed(void *ctx, enum engine_state state, const char *place, const char *words)
{
    struct cluster *c = ctx;
    enum engine_state before = c->state;
    c->state = state;
    snprintf(c->place, sizeof c->place, "%s", place);
    snprintf(c->words, sizeof c->words, "%s", words);
    if (state == ENGINE_UP) {
        back(c);
    } else {
        if (before == ENGINE_UP)
            c->alone_since = cluster_now(c);
        /* Another reason is another line. */
        if (before != ENGINE_UP && before != state)
            c->told_alone = false;
        if (!timer_is_armed(c->start))
            tell_alone(c);
    }
    cluster_call_changed(c);
    if (c->looked)
        c->looked(c->ctx);
}

/* ---- what is heard ---- */

static void on_heard(void *ctx, struct slice message)
{
    struct cluster *c = ctx;
    LIST_EACH (&c->seats, it) {
        struct cluster_seat *seat = CONTAINER(it, struct cluster_seat, link);
        if (seat->events->heard && slice_is(message, seat->id))
            seat->events->heard(seat->ctx);
    }
}

static const struct engine_events engine_events = {
    .changed = on_changed, .probed = cluster_read_members, .heard = on_heard};

/* ---- what it is asked ---- */

bool cluster_is_up(const struct cluster *c)
{
    return c->state == ENGINE_UP;
}

bool cluster_is_starting(const struct cluster *c)
{
    return timer_is_armed(c->opening);
}

unsigned cluster_instances(const struct cluster *c)
{
    return c->known ? c->known : cluster_config(c)->expect;
}

unsigned cluster_known(const struct cluster *c)
{
    return c->known ? c->known : 1;
}

unsigned cluster_part(const struct cluster *c, unsigned limit)
{
    unsigned part = limit / cluster_instances(c);
    return part ? part : 1;
}

bool cluster_was_emptied(const struct cluster *c)
{
    return c->emptied;
}

struct loop *cluster_loop(const struct cluster *c)
{
    return c->io->loop;
}

usec cluster_now(const struct cluster *c)
{
    return loop_now(c->io->loop);
}

const struct cluster_config *cluster_config(const struct cluster *c)
{
    return &c->config->cluster;
}

const struct cluster_key *cluster_key(const struct cluster *c)
{
    return c->key;
}

void cluster_id(const struct cluster *c, const char *host, const char *user, char id_r[CLUSTER_ID])
{
    cluster_key_id(c->key, host, user, id_r);
}

struct engine_question *cluster_ask(struct cluster *c, const struct engine_call *call,
                                    engine_answer_fn *answer, void *ctx)
{
    return c->line ? c->kind->ask(c->line, call, answer, ctx) : NULL;
}

void cluster_cancel(struct cluster *c, struct engine_question **q)
{
    /* With its line all questions of a retired one have gone. */
    if (*q && c->line)
        c->kind->cancel(q);
    *q = NULL;
}

uint64_t cluster_next(struct cluster *c)
{
    return ++c->newest;
}

uint64_t cluster_newest(const struct cluster *c)
{
    return c->newest;
}

const char *cluster_boot(const struct cluster *c)
{
    return c->boot;
}

struct slice cluster_member(const struct cluster *c, uint64_t n, char out[CLUSTER_MEMBER])
{
    int len = snprintf(out, CLUSTER_MEMBER, "%s:%s:%llu", cluster_config(c)->instance, c->boot,
                       (unsigned long long)n);
    return slice_make(out, (size_t)len);
}

void cluster_view(const struct cluster *c, struct cluster_view *view_r)
{
    *view_r = (struct cluster_view){.up = cluster_is_up(c),
                                    .heard = c->known > 0,
                                    .place = c->place,
                                    .words = c->words,
                                    .instances = cluster_instances(c),
                                    .alone = c->alone,
                                    .alone_since = c->alone_since,
                                    .latency = c->line ? c->kind->latency(c->line) : 0,
                                    .shown = c->shown,
                                    .nshown = c->nshown};
    if (c->alone_since)
        view_r->alone += cluster_now(c) - c->alone_since;
}

/* ---- life ---- */

static int make_contexts(const struct cluster_config *cfg, struct tls_context **out,
                         struct err *err)
{
    for (size_t i = 0; i < cfg->engine.n; i++) {
        const struct engine_address *at = &cfg->engine.items[i];
        if (!at->port || cfg->tls == TLS_OFF)
            continue;
        out[i] = tls_context_client(
            &(struct tls_client_settings){.verify = cfg->tls == TLS_VERIFY,
                                          .ca_file = cfg->tls_ca,
                                          .name = cfg->tls_name ? cfg->tls_name : at->host,
                                          .cert_file = cfg->tls_cert,
                                          .key_file = cfg->tls_key,
                                          .min = TLS_V1_2},
            err);
        if (!out[i])
            return -1;
    }
    return 0;
}

/* Returns -1 if a file for TLS is at fault. */
static int open_line(struct cluster *c, struct err *err)
{
    const struct cluster_config *cfg = cluster_config(c);
    struct tls_context **tls = mem_alloc((cfg->engine.n + 1) * sizeof *tls);
    struct engine_place *places = mem_alloc((cfg->engine.n + 1) * sizeof *places);
    for (size_t i = 0; i < cfg->engine.n; i++)
        places[i] = (struct engine_place){cfg->engine.items[i].host, cfg->engine.items[i].port};
    int rc = make_contexts(cfg, tls, err);
    if (rc == 0)
        c->line = c->kind->open(c->io,
                                &(struct engine_settings){
                                    .places = places,
                                    .nplaces = cfg->engine.n,
                                    .tls = cfg->tls == TLS_OFF ? NULL : tls,
                                    .username = cfg->username,
                                    .password = cfg->password,
                                    .timeout = cfg->timeout,
                                    .channel = c->channel,
                                    .probe = {.script = &script_members,
                                              .keys = c->keys,
                                              .nkeys = MEMBERS_KEYS,
                                              .args = c->args,
                                              .nargs = MEMBERS_ARGS},
                                    .probe_every = LOOK_EVERY,
                                },
                                &engine_events, c);
    for (size_t i = 0; i < cfg->engine.n; i++)
        tls_context_unref(&tls[i]);
    free(tls);
    free(places);
    return rc;
}

static void fill_probe(struct cluster *c)
{
    const struct cluster_config *cfg = cluster_config(c);
    snprintf(c->boot, sizeof c->boot, "%012llx",
             (unsigned long long)loop_wall_ms(c->io->loop) & 0xffffffffffff);
    snprintf(c->ttl, sizeof c->ttl, "%lld", (long long)(cfg->lease / USEC_PER_MS));
    snprintf(c->channel, sizeof c->channel, CLUSTER_CHANNEL "%s", cfg->instance);
    cluster_key_word(c->key, c->word);
    c->keys[0] = slice_of(CLUSTER_PREFIX "{members}");
    c->keys[1] = slice_of(CLUSTER_PREFIX "{members}:facts");
    c->args[0] = slice_of("here");
    c->args[1] = slice_of(cfg->instance);
    c->args[2] = slice_of(c->ttl);
    c->args[3] = slice_of(c->boot);
    c->args[4] = slice_of(c->word);
    /* It writes, too, so that it says whether the engine takes what is written. */
    if (c->looked) {
        c->args[0] = slice_of("gone");
        c->args[1] = slice_of(CLUSTER_ONLOOKER);
    }
}

/* The configuration has checked that it is one. */
static struct cluster_key *read_key(const struct secret *text)
{
    uint8_t octets[CLUSTER_KEY] = {0};
    (void)!cluster_key_read(secret_reveal(text), octets);
    struct cluster_key *key = cluster_key_new(octets);
    secret_erase(octets, sizeof octets);
    return key;
}

static void on_gone(void *ctx, enum engine_state how, const struct engine_value *value)
{
    (void)ctx;
    (void)how;
    (void)value;
}

/* The others need not wait until the lease is over. */
static void say_goodbye(struct cluster *c)
{
    if (!cluster_is_up(c) || c->looked)
        return;
    c->args[0] = slice_of("gone");
    (void)cluster_ask(c,
                      &(struct engine_call){.script = &script_members,
                                            .keys = c->keys,
                                            .nkeys = MEMBERS_KEYS,
                                            .args = c->args,
                                            .nargs = MEMBERS_ARGS},
                      on_gone, NULL);
}

static void close_line(struct cluster *c)
{
    if (!c->line)
        return;
    say_goodbye(c);
    c->kind->close(c->line);
    c->line = NULL;
}

void cluster_retire(struct cluster *c)
{
    if (!c)
        return;
    close_line(c);
    c->state = ENGINE_AWAY;
    timer_stop(c->beat);
    timer_stop(c->start);
    timer_stop(c->opening);
    cluster_call_changed(c);
}

static void cluster_free(struct cluster *c)
{
    close_line(c);
    timer_free(&c->beat);
    timer_free(&c->start);
    timer_free(&c->opening);
    cluster_key_free(&c->key);
    config_unref(&c->config);
    free(c);
}

/* Takes c, which is zeroed but for `looked`. */
static struct cluster *begin(struct cluster *c, const struct io *io, struct config *config,
                             const struct cluster_line *line, struct err *err)
{
    c->refs = 1;
    c->io = io;
    c->config = config_ref(config);
    c->kind = line;
    c->key = read_key(config->cluster.key);
    link_init(&c->seats);
    c->alone_since = loop_now(io->loop);
    c->beat = timer_new(io->loop, on_beat, c);
    c->start = timer_new(io->loop, on_start, c);
    c->opening = timer_new(io->loop, on_opening, c);
    fill_probe(c);
    timer_arm(c->start, PATIENCE_AT_START);
    timer_arm(c->opening, config->cluster.timeout);
    if (open_line(c, err) == 0)
        return c;
    cluster_free(c);
    return NULL;
}

struct cluster *cluster_new_on(const struct io *io, struct config *config,
                               const struct cluster_line *line, struct err *err)
{
    return begin(NEW(struct cluster), io, config, line, err);
}

struct cluster *cluster_new_looking(const struct io *io, struct config *config,
                                    void (*looked)(void *ctx), void *ctx, struct err *err)
{
    struct cluster *c = NEW(struct cluster);
    c->looked = looked;
    c->ctx = ctx;
    return begin(c, io, config, &engine_line, err);
}

struct cluster *cluster_new(const struct io *io, struct config *config, struct err *err)
{
    return cluster_new_on(io, config, &engine_line, err);
}

struct cluster *cluster_ref(struct cluster *c)
{
    if (c)
        c->refs++;
    return c;
}

void cluster_unref(struct cluster **cluster)
{
    struct cluster *c = *cluster;
    *cluster = NULL;
    if (c && --c->refs == 0)
        cluster_free(c);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool cluster_fits(const struct cluster *c, const struct config *config)
{
    const struct cluster_config *a = cluster_config(c), *b = &config->cluster;
    return b->is_on && engine_addresses_same(&a->engine, &b->engine) &&
           secret_equal(a->key, b->key) && secret_equal(a->password, b->password) &&
           a->tls == b->tls && same_text(a->tls_ca, b->tls_ca) &&
           same_text(a->tls_name, b->tls_name) && same_text(a->tls_cert, b->tls_cert) &&
           same_text(a->tls_key, b->tls_key) && same_text(a->username, b->username) &&
           same_text(a->instance, b->instance) && a->expect == b->expect &&
           a->timeout == b->timeout && a->lease == b->lease;
}
