/* io/engine against a real redis-server: what is asked is answered, and each way in which an engine
 * can fail is said and survived. tests/unit/sim_engine_test.c has what only a hostile one does. */
#include <openssl/evp.h>

#include "base/mem.h"
#include "io/engine.h"
#include "io_help.h"
#include "redis_help.h"

struct asked {
    struct stage *stage;
    int64_t number;
    enum engine_state state;
    bool over;
    struct engine_question *handle;
};

struct stage {
    struct loop *loop;
    struct io io;
    struct redis_server server;
    struct engine *engine;
    enum engine_state state;
    unsigned changes, probes, listens;
    char words[400], place[100], heard[100];
    struct asked asked[2000];
    unsigned answered;
    /* 0: long enough for a machine that is busy with other things */
    usec timeout;
};

/* Counts in a key, and returns what came of it beside its argument. */
static const char count_text[] = "return {redis.call('INCRBY', KEYS[1], ARGV[1]), ARGV[2]}\n";
static const char fail_text[] = "return redis.call('INCRBY', KEYS[1], 'no number')\n";
static char count_sha[41], fail_sha[41];
static struct engine_script count_script = {"count", count_text, count_sha};
static struct engine_script fail_script = {"fail", fail_text, fail_sha};

static void digest(const char *text, char sha[41])
{
    unsigned char bytes[20];
    assert_int_equal(EVP_Digest(text, strlen(text), bytes, NULL, EVP_sha1(), NULL), 1);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(sha + 2 * i, 3, "%02x", bytes[i]);
}

/* ---- the engine and its owner ---- */

static void changed(void *ctx, enum engine_state state, const char *place, const char *words)
{
    struct stage *s = ctx;
    s->state = state;
    s->changes++;
    snprintf(s->words, sizeof s->words, "%s", words);
    snprintf(s->place, sizeof s->place, "%s", place);
}

static void probed(void *ctx, const struct engine_value *value)
{
    struct stage *s = ctx;
    assert_int_equal(value->kind, ENGINE_ARRAY);
    s->probes++;
}

static void heard(void *ctx, struct slice message)
{
    struct stage *s = ctx;
    snprintf(s->heard, sizeof s->heard, "%.*s", (int)message.len, message.data);
}

static void listening(void *ctx)
{
    struct stage *s = ctx;
    s->listens++;
}

static const struct engine_events events = {
    .changed = changed, .probed = probed, .heard = heard, .listening = listening};

static void begin_at(struct stage *s, const struct engine_place *places, size_t n,
                     const char *password)
{
    static const struct slice key = {"probe", 5}, args[] = {{"1", 1}, {"x", 1}};
    struct secret *secret = password ? secret_new(slice_of(password)) : NULL;
    struct engine_settings settings = {
        .places = places,
        .nplaces = n,
        .password = secret,
        .timeout = s->timeout ? s->timeout : 30 * USEC_PER_SEC,
        .channel = "free:me",
        .probe = {.script = &count_script, .keys = &key, .nkeys = 1, .args = args, .nargs = 2},
        .probe_every = 300 * USEC_PER_MS};
    s->engine = engine_new(&s->io, &settings, &events, s);
    secret_free(&secret);
}

static void begin(struct stage *s, const char *password)
{
    struct engine_place place = {.host = s->server.path};
    begin_at(s, &place, 1, password);
}

static void end(struct stage *s)
{
    engine_free(&s->engine);
    loop_free(&s->loop);
    redis_stop(&s->server);
    free(s);
}

static struct stage *start(const char *const *more)
{
    struct stage *s = NEW(struct stage);
    if (!redis_is_installed()) {
        free(s);
        print_message("there is no redis-server here: not run\n");
        skip();
    }
    digest(count_text, count_sha);
    digest(fail_text, fail_sha);
    s->loop = new_loop();
    s->io.loop = s->loop;
    assert_true(redis_start(&s->server, more));
    return s;
}

static bool is_up(void *arg)
{
    return ((struct stage *)arg)->state == ENGINE_UP;
}

static bool is_away(void *arg)
{
    return ((struct stage *)arg)->changes && ((struct stage *)arg)->state == ENGINE_AWAY;
}

static bool is_wrong(void *arg)
{
    return ((struct stage *)arg)->state == ENGINE_WRONG;
}

static bool has_listened(void *arg)
{
    return ((struct stage *)arg)->listens > 0;
}

static bool has_heard(void *arg)
{
    return ((struct stage *)arg)->heard[0] != 0;
}

static void answered(void *ctx, enum engine_state state, const struct engine_value *value)
{
    struct asked *a = ctx;
    assert_false(a->over);
    a->over = true;
    a->state = state;
    a->stage->answered++;
    assert_true((value != NULL) == (state == ENGINE_UP));
    if (value && value->kind == ENGINE_ARRAY)
        a->number = value->items[0].number;
    if (value && value->kind == ENGINE_ERROR)
        a->number = -1;
}

static struct asked *ask_for(struct stage *s, const struct engine_script *script, size_t i)
{
    static const struct slice key = {"count", 5}, args[] = {{"1", 1}, {"x", 1}};
    struct engine_call call = {
        .script = script, .keys = &key, .nkeys = 1, .args = args, .nargs = 2};
    s->asked[i] = (struct asked){.stage = s};
    s->asked[i].handle = engine_ask(s->engine, &call, answered, &s->asked[i]);
    return &s->asked[i];
}

static bool is_over(void *arg)
{
    return ((struct asked *)arg)->over;
}

/* Says something to the server on a connection of its own. */
static void tell(struct stage *s, const char *line)
{
    char answer[200];
    int fd = redis_connect(&s->server);
    assert_true(fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line));
    assert_true(read(fd, answer, sizeof answer) > 0);
    close(fd);
}

/* ---- the cases ---- */

static void questions_are_answered_in_their_order(void **state)
{
    struct stage *s = start(NULL);
    (void)state;
    begin(s, NULL);
    /* Not up yet: answered at once that it is not. */
    struct asked *early = ask_for(s, &count_script, 1999);
    assert_false(early->over);
    spin_until(s->loop, is_over, early);
    assert_int_equal(early->state, ENGINE_AWAY);
    spin_until(s->loop, is_up, s);
    assert_string_equal(s->place, s->server.path);
    assert_string_equal(s->words, "");
    for (size_t i = 0; i < 1000; i++)
        ask_for(s, &count_script, i);
    /* Nobody waits for this one; its answer is not taken for the next one's. */
    engine_cancel(&s->asked[500].handle);
    spin_until(s->loop, is_over, &s->asked[999]);
    for (size_t i = 0; i < 1000; i++) {
        assert_true(s->asked[i].over == (i != 500));
        if (i != 500) {
            assert_int_equal(s->asked[i].state, ENGINE_UP);
            assert_int_equal(s->asked[i].number, i + 1);
        }
    }
    assert_int_equal(s->changes, 1);
    /* It forgets the scripts. */
    tell(s, "SCRIPT FLUSH\r\n");
    for (size_t i = 0; i < 10; i++)
        ask_for(s, &count_script, i);
    spin_until(s->loop, is_over, &s->asked[9]);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(s->asked[i].number, 1001 + (int)i);
    assert_int_equal(s->changes, 1);
    end(s);
}

static void plain_commands(void **state)
{
    const struct slice get[] = {slice_of("GET"), slice_of("nothing")};
    const struct slice bad[] = {slice_of("NOSUCH")};
    struct stage *s = start(NULL);
    (void)state;
    begin(s, NULL);
    spin_until(s->loop, is_up, s);
    s->asked[0].stage = s->asked[1].stage = s;
    engine_command(s->engine, get, 2, answered, &s->asked[0]);
    engine_command(s->engine, bad, 1, answered, &s->asked[1]);
    spin_until(s->loop, is_over, &s->asked[1]);
    assert_int_equal(s->asked[0].number, 0);
    assert_int_equal(s->asked[1].number, -1);
    assert_int_equal(s->state, ENGINE_UP);
    end(s);
}

static void the_channel_is_heard(void **state)
{
    struct stage *s = start(NULL);
    (void)state;
    begin(s, NULL);
    spin_until(s->loop, has_listened, s);
    tell(s, "PUBLISH free:other 1111\r\n");
    tell(s, "PUBLISH free:me 0123456789abcdef\r\n");
    spin_until(s->loop, has_heard, s);
    assert_string_equal(s->heard, "0123456789abcdef");
    /* Its connection is cut: it listens again. */
    s->listens = 0;
    s->heard[0] = 0;
    tell(s, "CLIENT KILL TYPE pubsub\r\n");
    spin_until(s->loop, has_listened, s);
    tell(s, "PUBLISH free:me again\r\n");
    spin_until(s->loop, has_heard, s);
    assert_string_equal(s->heard, "again");
    assert_int_equal(s->state, ENGINE_UP);
    end(s);
}

static void one_that_stands_still_is_away(void **state)
{
    struct stage *s = start(NULL);
    (void)state;
    s->timeout = 250 * USEC_PER_MS;
    begin(s, NULL);
    spin_until(s->loop, is_up, s);
    kill(s->server.pid, SIGSTOP);
    ask_for(s, &count_script, 0);
    ask_for(s, &count_script, 1);
    spin_until(s->loop, is_over, &s->asked[1]);
    assert_int_equal(s->asked[0].state, ENGINE_AWAY);
    assert_int_equal(s->asked[1].state, ENGINE_AWAY);
    assert_int_equal(s->state, ENGINE_AWAY);
    assert_string_equal(s->words, "it does not answer within 250 ms");
    kill(s->server.pid, SIGCONT);
    spin_until(s->loop, is_up, s);
    spin_until(s->loop, is_over, ask_for(s, &count_script, 2));
    assert_int_equal(s->asked[2].state, ENGINE_UP);
    end(s);
}

static void stop_it(void *arg)
{
    loop_stop(arg);
}

/* Sends what was asked, and hears nothing yet. */
static void only_send(struct stage *s)
{
    struct deferred stop;
    deferred_init(&stop, stop_it, s->loop);
    loop_defer(s->loop, &stop);
    loop_run(s->loop);
}

/* The engine answers in time, and it is our own process that was put aside: the answers lie in the
 * socket before the deadline, and are read after it. */
static void one_that_is_heard_late_is_not_away(void **state)
{
    struct stage *s = start(NULL);
    (void)state;
    s->timeout = 2 * USEC_PER_SEC;
    begin(s, NULL);
    spin_until(s->loop, is_up, s);
    for (size_t i = 0; i < 3; i++)
        ask_for(s, &count_script, i);
    only_send(s);
    tell(s, "PING\r\n");
    usleep(2100 * 1000);
    assert_int_equal(s->answered, 0);
    spin_until(s->loop, is_over, &s->asked[2]);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(s->asked[i].state, ENGINE_UP);
    assert_int_equal(s->changes, 1);
    end(s);
}

/* It is noticed without a question, by the probe. */
static void one_that_dies_comes_back(void **state)
{
    struct stage *s = start(NULL);
    (void)state;
    begin(s, NULL);
    spin_until(s->loop, is_up, s);
    redis_kill(&s->server);
    spin_until(s->loop, is_away, s);
    assert_true(redis_run(&s->server, NULL));
    spin_until(s->loop, is_up, s);
    spin_until(s->loop, is_over, ask_for(s, &count_script, 0));
    assert_int_equal(s->asked[0].number, 1);
    end(s);
}

static void a_password_is_asked_for(void **state)
{
    static const char *const more[] = {"--requirepass", "right", NULL};
    struct stage *s = start(more);
    (void)state;
    begin(s, "wrong");
    spin_until(s->loop, is_wrong, s);
    assert_non_null(strstr(s->words, "it refuses the login: WRONGPASS"));
    engine_free(&s->engine);
    begin(s, NULL);
    s->changes = 0;
    s->state = ENGINE_AWAY;
    spin_until(s->loop, is_wrong, s);
    assert_non_null(strstr(s->words, "it wants a password (password_file): NOAUTH"));
    engine_free(&s->engine);
    begin(s, "right");
    spin_until(s->loop, is_up, s);
    spin_until(s->loop, has_listened, s);
    end(s);
}

/* The words of each refusal, and back as soon as it is over. */
static void one_that_takes_no_writes_is_wrong(void **state)
{
    static const struct {
        const char *begins, *ends, *words;
    } rows[] = {
        {"REPLICAOF 127.0.0.1 1\r\n", "REPLICAOF NO ONE\r\n",
         "it is a replica and takes no writes"},
        {"CONFIG SET maxmemory 1\r\n", "CONFIG SET maxmemory 0\r\n",
         "its memory is full (maxmemory)"},
        {"ACL SETUSER default -@write\r\n", "ACL SETUSER default +@write\r\n",
         "its ACL forbids the user what it must do"},
    };
    struct stage *s = start(NULL);
    (void)state;
    begin(s, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        spin_until(s->loop, is_up, s);
        tell(s, rows[i].begins);
        spin_until(s->loop, is_wrong, s);
        if (!slice_starts(slice_of(s->words), rows[i].words))
            fail_msg("%s: %s", rows[i].words, s->words);
        struct asked *a = ask_for(s, &count_script, i);
        spin_until(s->loop, is_over, a);
        assert_int_equal(a->state, ENGINE_WRONG);
        tell(s, rows[i].ends);
    }
    spin_until(s->loop, is_up, s);
    end(s);
}

/* One script that fails there says nothing about the others. */
static void a_script_that_fails(void **state)
{
    struct stage *s = start(NULL);
    (void)state;
    begin(s, NULL);
    spin_until(s->loop, is_up, s);
    ask_for(s, &fail_script, 0);
    ask_for(s, &count_script, 1);
    spin_until(s->loop, is_over, &s->asked[1]);
    spin_until(s->loop, is_over, &s->asked[0]);
    assert_int_equal(s->asked[0].state, ENGINE_WRONG);
    assert_int_equal(s->asked[1].state, ENGINE_UP);
    assert_int_equal(s->changes, 1);
    end(s);
}

/* A place where nobody is, and one that is a replica, are passed over. */
static void places_are_tried_in_their_order(void **state)
{
    struct stage *s = start(NULL), *replica = start(NULL);
    struct engine_place places[] = {
        {.host = "/nonexistent/socket"}, {.host = replica->server.path}, {.host = s->server.path}};
    (void)state;
    tell(replica, "REPLICAOF 127.0.0.1 1\r\n");
    begin_at(s, places, 3, NULL);
    spin_until(s->loop, is_up, s);
    assert_string_equal(s->place, s->server.path);
    assert_int_equal(s->changes, 1);
    /* It fails over: the replica is the master now. */
    tell(replica, "REPLICAOF NO ONE\r\n");
    redis_kill(&s->server);
    s->state = ENGINE_AWAY;
    spin_until(s->loop, is_up, s);
    assert_string_equal(s->place, replica->server.path);
    end(replica);
    end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_are_answered_in_their_order),
        cmocka_unit_test(plain_commands),
        cmocka_unit_test(the_channel_is_heard),
        cmocka_unit_test(one_that_stands_still_is_away),
        cmocka_unit_test(one_that_is_heard_late_is_not_away),
        cmocka_unit_test(one_that_dies_comes_back),
        cmocka_unit_test(a_password_is_asked_for),
        cmocka_unit_test(one_that_takes_no_writes_is_wrong),
        cmocka_unit_test(a_script_that_fails),
        cmocka_unit_test(places_are_tried_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
