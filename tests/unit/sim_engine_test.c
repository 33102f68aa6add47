/* io/engine in the simulated world, against the scripted engine (tests/sim/sim_engine): each way in
 * which one can fail, by itself and drawn by lot. Every question is answered once, and never later
 * than its timeout; when the engine is well again, so are we. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/engine.h"
#include "sim/sim_engine.h"
#include "upstream/scripts.h"

#define S USEC_PER_SEC
#define MS USEC_PER_MS
#define TIMEOUT (250 * MS)
#define NAME "valkey.example.com"

enum { MOST = 3000 };

struct asked {
    struct world *w;
    struct engine_question *handle;
    usec when;
    bool over, cancelled;
    enum engine_state state;
};

struct world {
    struct sim *sim;
    struct sim_engine *server;
    struct engine *engine;
    enum engine_state state;
    unsigned changes, probes, listens, messages;
    char words[400];
    struct asked asked[MOST];
    size_t n;
};

static const struct sim_tls_server trusted = {
    .certificate = {.names = NAME, .issuer = "public"}, .newest = TLS_V1_3, .oldest = TLS_V1_2};

/* ---- the owner ---- */

static void changed(void *ctx, enum engine_state state, const char *place, const char *words)
{
    struct world *w = ctx;
    assert_true(w->changes == 0 || state != w->state);
    assert_true((state == ENGINE_UP) == (words[0] == 0));
    assert_string_equal(place, NAME ":6379");
    w->state = state;
    w->changes++;
    snprintf(w->words, sizeof w->words, "%s", words);
}

static void probed(void *ctx, const struct engine_value *value)
{
    struct world *w = ctx;
    assert_int_equal(engine_state(w->engine), ENGINE_UP);
    assert_non_null(value);
    w->probes++;
}

static void heard(void *ctx, struct slice message)
{
    struct world *w = ctx;
    (void)message;
    w->messages++;
}

static void listening(void *ctx)
{
    ((struct world *)ctx)->listens++;
}

static const struct engine_events events = {
    .changed = changed, .probed = probed, .heard = heard, .listening = listening};

static void answered(void *ctx, enum engine_state state, const struct engine_value *value)
{
    struct asked *a = ctx;
    assert_false(a->over || a->cancelled);
    assert_true((value != NULL) == (state == ENGINE_UP));
    assert_true(sim_now(a->w->sim) - a->when <= TIMEOUT);
    a->over = true;
    a->state = state;
}

static struct asked *ask_rate(struct world *w)
{
    static const struct slice keys[] = {{"smtp-detour:{0}:rate", 20},
                                        {"smtp-detour:{0}:epoch", 21}};
    char member[16];
    struct asked *a = &w->asked[w->n];
    snprintf(member, sizeof member, "m:%zu", w->n++ % MOST);
    const struct slice args[] = {slice_of("5"), slice_of("1000"), slice_of("0"),
                                 slice_of("0"), slice_of("0"),    slice_of(member)};
    struct engine_call call = {
        .script = &script_rate, .keys = keys, .nkeys = 2, .args = args, .nargs = 6};
    *a = (struct asked){.w = w, .when = sim_now(w->sim)};
    a->handle = engine_ask(w->engine, &call, answered, a);
    assert_false(a->over);
    return a;
}

static void open_engine(struct world *w, const struct sim_tls_server *tls, const char *password)
{
    static const struct slice keys[] = {{"smtp-detour:{members}", 21},
                                        {"smtp-detour:{members}:facts", 27}};
    static const struct slice args[] = {
        {"here", 4}, {"me", 2}, {"30000", 5}, {"000000000001", 12}, {"00ff", 4}};
    const struct engine_place place = {.host = NAME, .port = 6379};
    const struct tls_client_settings wanted = {.verify = true, .name = NAME, .min = TLS_V1_2};
    struct err err;
    struct tls_context *context = tls ? tls_context_client(&wanted, &err) : NULL;
    struct secret *secret = password ? secret_new(slice_of(password)) : NULL;
    struct engine_settings settings = {
        .places = &place,
        .nplaces = 1,
        .tls = &context,
        .password = secret,
        .timeout = TIMEOUT,
        .channel = "free:me",
        .probe = {.script = &script_members, .keys = keys, .nkeys = 2, .args = args, .nargs = 5},
        .probe_every = S};
    w->changes = 0;
    w->engine = engine_new(sim_io(w->sim), &settings, &events, w);
    if (context)
        tls_context_unref(&context);
    secret_free(&secret);
}

static struct world *begin(uint64_t seed, const struct sim_tls_server *tls, const char *password)
{
    const struct sim_engine_script script = {.delay = 100, .tls = tls, .password = password};
    struct world *w = calloc(1, sizeof *w);
    w->sim = sim_new(seed);
    sim_be_verbose(w->sim, getenv("SIM_VERBOSE") != NULL);
    sim_name(w->sim, NAME, "2001:db8::6 192.0.2.6");
    w->server = sim_engine_new(w->sim, "192.0.2.6:6379", &script);
    open_engine(w, tls, password);
    return w;
}

/* Nothing of it is left. */
static void end(struct world *w)
{
    engine_free(&w->engine);
    sim_run_for(w->sim, 10 * MS);
    sim_engine_free(&w->server);
    sim_run_for(w->sim, 30 * S);
    struct sim_living living = sim_living(w->sim);
    assert_int_equal(living.timers + living.transports + living.queries + living.contexts, 0);
    assert_int_equal(sim_conn_open_ends(w->sim), 0);
    sim_free(&w->sim);
    free(w);
}

static void must_work(struct world *w)
{
    struct asked *a = ask_rate(w);
    sim_run_for(w->sim, S);
    assert_true(a->over);
    assert_int_equal(a->state, ENGINE_UP);
}

/* ---- the cases ---- */

static void over_tls_by_name(void **state)
{
    struct world *w = begin(1, &trusted, "right");
    (void)state;
    sim_run_for(w->sim, 5 * S);
    assert_int_equal(w->state, ENGINE_UP);
    assert_int_equal(w->changes, 1);
    assert_true(w->probes >= 3);
    assert_int_equal(w->listens, 1);
    must_work(w);
    sim_engine_publish(w->server, "free:me", "0123456789abcdef");
    sim_engine_publish(w->server, "free:you", "0123456789abcdef");
    sim_run_for(w->sim, S);
    assert_int_equal(w->messages, 1);
    /* Nothing of it went clear. */
    for (size_t i = 0; i < sim_conn_count(w->sim); i++)
        assert_int_equal(sim_conn_clear(w->sim, i, SIM_UP).len, 0);
    end(w);
}

static void one_that_is_not_trusted(void **state)
{
    struct sim_tls_server other = trusted;
    other.certificate.names = "other.example.com";
    struct world *w = begin(2, &other, "right");
    (void)state;
    sim_run_for(w->sim, 10 * S);
    assert_int_equal(w->state, ENGINE_WRONG);
    assert_non_null(strstr(w->words, "certificate"));
    assert_int_equal(sim_engine_runs(w->server), 0);
    end(w);
}

static void a_wrong_password(void **state)
{
    struct world *w = begin(3, NULL, "right");
    (void)state;
    engine_free(&w->engine);
    open_engine(w, NULL, "wrong");
    sim_run_for(w->sim, 10 * S);
    assert_int_equal(w->state, ENGINE_WRONG);
    assert_non_null(strstr(w->words, "it refuses the login: WRONGPASS"));
    assert_int_equal(w->changes, 1);
    end(w);
}

static void a_name_that_nobody_knows(void **state)
{
    struct world *w = begin(4, NULL, NULL);
    (void)state;
    engine_free(&w->engine);
    sim_name_manner(w->sim, NAME, ADDR_V6, SIM_DNS_SILENT, 0);
    sim_name_manner(w->sim, NAME, ADDR_V4, SIM_DNS_SILENT, 0);
    open_engine(w, NULL, NULL);
    sim_run_for(w->sim, 6 * S);
    assert_int_equal(w->state, ENGINE_AWAY);
    assert_string_equal(w->words, "the resolver does not answer");
    sim_name_manner(w->sim, NAME, ADDR_V4, SIM_DNS_ANSWERS, 0);
    sim_run_for(w->sim, 10 * S);
    /* The question about the other family is still unanswered, and does not matter. */
    assert_int_equal(w->state, ENGINE_UP);
    end(w);
}

/* What each fault is told as, and that it ends. */
static void each_fault(void **state)
{
    static const struct {
        enum sim_engine_fault fault;
        enum engine_state told;
        const char *words;
    } rows[] = {
        {SIM_ENGINE_SLOW, ENGINE_AWAY, "it does not answer within 250 ms"},
        {SIM_ENGINE_STOPPED, ENGINE_AWAY, "it does not answer within 250 ms"},
        {SIM_ENGINE_SILENT, ENGINE_AWAY, "it does not answer within 250 ms"},
        {SIM_ENGINE_RESETS, ENGINE_AWAY, ""},
        {SIM_ENGINE_DOWN, ENGINE_AWAY, ""},
        {SIM_ENGINE_READONLY, ENGINE_WRONG, "it is a replica and takes no writes"},
        {SIM_ENGINE_LOADING, ENGINE_WRONG, "it is still loading its data"},
        {SIM_ENGINE_FULL, ENGINE_WRONG, "its memory is full (maxmemory)"},
        {SIM_ENGINE_FORBIDS, ENGINE_WRONG, "its ACL forbids the user what it must do"},
        {SIM_ENGINE_BABBLES, ENGINE_WRONG, "it does not speak the protocol"},
        {SIM_ENGINE_FLOODS, ENGINE_WRONG, "a reply is longer than any"},
        {SIM_ENGINE_TWICE, ENGINE_WRONG, "it answers what was not asked"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world *w = begin(5 + i, i % 2 ? &trusted : NULL, NULL);
        sim_run_for(w->sim, 5 * S);
        assert_int_equal(w->state, ENGINE_UP);
        sim_engine_fault(w->server, rows[i].fault, 400 * MS);
        struct asked *a = ask_rate(w), *b = ask_rate(w);
        sim_run_for(w->sim, 400 * MS);
        assert_true(a->over && b->over);
        if (rows[i].fault != SIM_ENGINE_TWICE) {
            assert_int_equal(a->state, rows[i].told);
            assert_int_equal(b->state, rows[i].told);
        }
        sim_run_for(w->sim, 20 * S);
        if (w->state != rows[i].told || !slice_starts(slice_of(w->words), rows[i].words))
            fail_msg("%s: %d, %s", sim_engine_fault_name(rows[i].fault), w->state, w->words);
        /* It is not asked all the time, and nobody hears of it all the time. */
        assert_true(w->changes <= 2 || rows[i].fault == SIM_ENGINE_TWICE);
        assert_true(sim_conn_count(w->sim) < 100);
        sim_engine_fault(w->server, SIM_ENGINE_WELL, 0);
        sim_run_for(w->sim, 65 * S);
        assert_int_equal(w->state, ENGINE_UP);
        must_work(w);
        assert_true(sim_engine_sessions(w->server) == 2);
        end(w);
    }
}

/* A script that reached one which stood still is run late: it must be one that can be repeated. */
static void what_was_asked_before_it_stood_still(void **state)
{
    struct world *w = begin(30, NULL, NULL);
    (void)state;
    sim_run_for(w->sim, 500 * MS);
    /* It knows the script. */
    must_work(w);
    unsigned before = sim_engine_runs(w->server);
    sim_engine_fault(w->server, SIM_ENGINE_STOPPED, 0);
    struct asked *a = ask_rate(w);
    sim_run_for(w->sim, 260 * MS);
    assert_int_equal(a->state, ENGINE_AWAY);
    assert_int_equal(sim_engine_runs(w->server), before);
    sim_engine_fault(w->server, SIM_ENGINE_WELL, 0);
    sim_run_for(w->sim, 10 * MS);
    assert_int_equal(sim_engine_runs(w->server), before + 1);
    end(w);
}

/* It is listened for again, though the other connection is well. */
static void a_channel_that_is_cut(void **state)
{
    struct world *w = begin(31, NULL, NULL);
    (void)state;
    sim_run_for(w->sim, 5 * S);
    sim_engine_restart(w->server);
    sim_run_for(w->sim, 5 * S);
    assert_int_equal(w->listens, 2);
    sim_engine_publish(w->server, "free:me", "x");
    sim_run_for(w->sim, S);
    assert_int_equal(w->messages, 1);
    end(w);
}

/* ... and if nobody says that it is dead. */
static void a_channel_that_says_nothing(void **state)
{
    struct world *w = begin(32, NULL, NULL);
    (void)state;
    sim_run_for(w->sim, 5 * S);
    sim_engine_fault(w->server, SIM_ENGINE_DEAF, 0);
    sim_run_for(w->sim, 5 * S);
    assert_int_equal(w->changes, 1);
    assert_true(w->listens >= 2);
    sim_engine_fault(w->server, SIM_ENGINE_WELL, 0);
    sim_run_for(w->sim, 10 * S);
    sim_engine_publish(w->server, "free:me", "x");
    sim_run_for(w->sim, S);
    assert_int_equal(w->messages, 1);
    end(w);
}

/* A script that must be sent once more has no more time for that. */
static void a_script_that_is_not_known(void **state)
{
    struct world *w = begin(33, NULL, NULL);
    const struct slice ping = slice_of("PING");
    (void)state;
    sim_run_for(w->sim, 500 * MS);
    sim_engine_fault(w->server, SIM_ENGINE_SLOW, 140 * MS);
    struct asked *first = ask_rate(w);
    sim_run_for(w->sim, 100 * MS);
    struct asked *second = &w->asked[w->n++];
    *second = (struct asked){.w = w, .when = sim_now(w->sim)};
    engine_command(w->engine, &ping, 1, answered, second);
    sim_run_for(w->sim, 155 * MS);
    assert_true(first->over && second->over);
    assert_int_equal(first->state, ENGINE_AWAY);
    end(w);
}

/* ---- by lot ---- */

static void act(struct world *w, struct sim_rng *rng)
{
    unsigned what = (unsigned)sim_rng_below(rng, 20);
    if (what < 12) {
        for (uint64_t n = 1 + sim_rng_below(rng, 6); n > 0 && w->n < MOST; n--)
            ask_rate(w);
    } else if (what < 14 && w->n) {
        struct asked *a = &w->asked[sim_rng_index(rng, w->n)];
        if (!a->over && !a->cancelled) {
            a->cancelled = true;
            engine_cancel(&a->handle);
        }
    } else if (what < 17) {
        sim_engine_fault(w->server, (enum sim_engine_fault)sim_rng_below(rng, SIM_ENGINE_FAULTS),
                         (usec)sim_rng_below(rng, 600) * MS);
    } else if (what == 17) {
        sim_engine_restart(w->server);
    } else if (what == 18) {
        sim_engine_flush(w->server);
    } else {
        sim_engine_publish(w->server, "free:me", "x");
    }
}

static void play(uint64_t seed)
{
    struct world *w = begin(seed, seed % 2 ? &trusted : NULL, seed % 3 ? "right" : NULL);
    struct sim_rng rng = {.state = seed};
    sim_path_default(w->sim)->shred = seed % 5 == 0;
    for (unsigned i = 0; i < 60; i++) {
        act(w, &rng);
        sim_run_for(w->sim, (usec)sim_rng_below(&rng, sim_rng_chance(&rng, 20) ? 4000 : 150) * MS);
    }
    sim_engine_fault(w->server, SIM_ENGINE_WELL, 0);
    sim_run_for(w->sim, 130 * S);
    for (size_t i = 0; i < w->n; i++)
        assert_true(w->asked[i].over != w->asked[i].cancelled);
    if (w->state != ENGINE_UP)
        fail_msg("seed %llu: %s", (unsigned long long)seed, w->words);
    must_work(w);
    end(w);
}

static void whatever_happens(void **state)
{
    const char *one = getenv("ENGINE_SEED"), *count = getenv("ENGINE_HISTORIES");
    uint64_t n = count ? strtoull(count, NULL, 10) : 300;
    (void)state;
    for (uint64_t seed = one ? strtoull(one, NULL, 10) : 1; seed <= n || one; seed++) {
        play(seed);
        if (one)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_tls_by_name),
        cmocka_unit_test(one_that_is_not_trusted),
        cmocka_unit_test(a_wrong_password),
        cmocka_unit_test(a_name_that_nobody_knows),
        cmocka_unit_test(each_fault),
        cmocka_unit_test(what_was_asked_before_it_stood_still),
        cmocka_unit_test(a_channel_that_is_cut),
        cmocka_unit_test(a_channel_that_says_nothing),
        cmocka_unit_test(a_script_that_is_not_known),
        cmocka_unit_test(whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
