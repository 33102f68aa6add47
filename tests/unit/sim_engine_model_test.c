/* The scripts of a cluster in a real redis-server, against their model in C (tests/sim): sequences
 * of random operations of three instances must give the same answers, octet by octet, and the same
 * messages on the channels.
 *
 * Time: the text that goes to the server is the one that is compiled in but for two words. Its
 * clock is read from a key that the test sets (HMGET clock s us in the place of TIME), so that both
 * sides see the same millisecond and minutes pass at once. And PEXPIRE, by the server's own clock,
 * becomes EXISTS: what expires there is rubbish, and no answer may depend on it.
 *
 * ENGINE_SEQUENCES=100000 for the long run, ENGINE_SEED=N for one sequence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "io/resp.h"
#include "redis_help.h"
#include "sim/engine_model.h"
#include "sim/sim.h"
#include "upstream/scripts.h"

enum { SCRIPTS = 7, MOST_WORDS = 48, MOST_OPERATIONS = 40, OUT = 1024 * 1024 };

static const struct engine_script *const scripts[SCRIPTS] = {
    &script_take, &script_hold,  &script_give,   &script_rate,
    &script_auth, &script_token, &script_members};

struct stage {
    struct redis_server server;
    int asks, hears;
    char sha[SCRIPTS][41];
    struct engine_model *model;
    /* What goes to the server, what must come back; and on the channels. */
    struct buf commands, answers, messages;
    /* Of each operation: its words, and where its answer begins. */
    char *said[MOST_OPERATIONS * 2];
    size_t begins[MOST_OPERATIONS * 2];
    size_t n;
    int64_t now;
    struct sim_rng rng;
};

/* ---- talking to the server ---- */

static void write_all(int fd, struct slice s)
{
    while (s.len) {
        ssize_t n = write(fd, s.data, s.len);
        assert_true(n > 0);
        s = slice_from(s, (size_t)n);
    }
}

/* Reads until `replies` values are there, or `octets` have come. */
static void read_some(int fd, size_t replies, size_t octets, struct buf *out)
{
    struct resp *r = resp_new();
    while (replies > 0 && out->len < octets) {
        const struct engine_value *v;
        char piece[16384];
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 10000), 1);
        ssize_t n = read(fd, piece, sizeof piece);
        assert_true(n > 0);
        assert_true(buf_append(out, piece, (size_t)n));
        assert_true(resp_feed(r, slice_make(piece, (size_t)n)));
        while (replies > 0 && resp_next(r, &v) == RESP_VALUE)
            replies--;
    }
    resp_free(&r);
}

static void command(struct buf *out, const char *const *words, size_t n)
{
    struct slice slices[MOST_WORDS];
    for (size_t i = 0; i < n; i++)
        slices[i] = slice_of(words[i]);
    assert_true(resp_command(out, slices, n));
}

/* Gives the script's text with the test's clock in it. */
static char *with_our_clock(const char *text)
{
    static const char time[] = "redis.call('TIME')",
                      ours[] = "redis.call('HMGET','clock','s','us')";
    static const char expire[] = "redis.call('PEXPIRE'", exists[] = "redis.call('EXISTS'";
    char *out = mem_alloc(strlen(text) + 256), *to = out;
    while (*text) {
        const char *in = strncmp(text, time, strlen(time)) == 0       ? time
                         : strncmp(text, expire, strlen(expire)) == 0 ? expire
                                                                      : NULL;
        const char *instead = in == time ? ours : exists;
        if (!in) {
            *to++ = *text++;
            continue;
        }
        memcpy(to, instead, strlen(instead));
        to += strlen(instead);
        text += strlen(in);
    }
    *to = 0;
    return out;
}

static void load(struct stage *s, const char *text, char sha[41])
{
    const char *words[] = {"SCRIPT", "LOAD", text};
    struct buf out;
    buf_init(&out, 1024);
    buf_clear(&s->commands);
    command(&s->commands, words, 3);
    write_all(s->asks, buf_view(&s->commands));
    read_some(s->asks, 1, SIZE_MAX, &out);
    buf_clear(&s->commands);
    assert_true(buf_view(&out).data[0] == '$');
    snprintf(sha, 41, "%.40s", buf_view(&out).data + 5);
    buf_free(&out);
}

/* ---- one operation on both sides ---- */

static void note(struct stage *s, const char *const *words, size_t n)
{
    char text[1024] = "";
    size_t len = 0;
    for (size_t i = 0; i < n && len < sizeof text; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, " %s", words[i]);
    assert_true(s->n < MOST_OPERATIONS * 2);
    s->said[s->n] = mem_string(text);
    s->begins[s->n++] = s->answers.len;
}

static void set_clock(struct stage *s)
{
    char seconds[24], us[24];
    const char *words[] = {"HMSET", "clock", "s", seconds, "us", us};
    snprintf(seconds, sizeof seconds, "%lld", (long long)(s->now / 1000));
    snprintf(us, sizeof us, "%lld", (long long)(s->now % 1000 * 1000 + 7));
    command(&s->commands, words, 6);
    assert_true(buf_append(&s->answers, "+OK\r\n", 5));
}

static void flush(struct stage *s)
{
    const char *words[] = {"FLUSHALL"};
    note(s, words, 1);
    command(&s->commands, words, 1);
    assert_true(buf_append(&s->answers, "+OK\r\n", 5));
    engine_model_flush(s->model);
}

/* words: the script's keys, then its arguments. */
static void run(struct stage *s, size_t script, size_t nkeys, const char *const *words, size_t n)
{
    const char *all[MOST_WORDS] = {"EVALSHA", s->sha[script],
                                   nkeys == 5   ? "5"
                                   : nkeys == 3 ? "3"
                                   : nkeys == 2 ? "2"
                                                : "1"};
    struct slice slices[MOST_WORDS];
    struct model_call call = {.script = scripts[script]->name,
                              .keys = slices,
                              .nkeys = nkeys,
                              .args = slices + nkeys,
                              .nargs = n - nkeys};
    char at[40];
    snprintf(at, sizeof at, "%lld", (long long)s->now);
    all[1] = at;
    all[2] = scripts[script]->name;
    for (size_t i = 0; i < n; i++) {
        all[3 + i] = words[i];
        slices[i] = slice_of(words[i]);
    }
    note(s, all + 1, n + 2);
    set_clock(s);
    all[1] = s->sha[script];
    all[2] = nkeys == 5 ? "5" : nkeys == 3 ? "3" : nkeys == 2 ? "2" : "1";
    command(&s->commands, all, n + 3);
    assert_true(engine_model_run(s->model, s->now, &call, &s->answers));
}

static void heard(void *ctx, const char *channel, const char *message)
{
    struct stage *s = ctx;
    assert_true(buf_printf(&s->messages,
                           "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n",
                           strlen(channel), channel, strlen(message), message));
}

/* ---- random operations ---- */

/* Words of one operation; numbers are written into `texts`. */
struct words {
    const char *at[MOST_WORDS];
    char texts[MOST_WORDS][64];
    size_t n;
};

static void add(struct words *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void add(struct words *w, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(w->texts[w->n], sizeof w->texts[0], fmt, args);
    va_end(args);
    w->at[w->n] = w->texts[w->n];
    w->n++;
}

static unsigned below(struct stage *s, unsigned n)
{
    return (unsigned)sim_rng_below(&s->rng, n);
}

/* One name begins with another. */
static const char *const instances[] = {"a", "mx-1", "mx-10"};

static void add_member(struct stage *s, struct words *w, unsigned instance)
{
    add(w, "%s:%012x:%u", instances[instance], below(s, 6) ? 2u : 1u, 1 + below(s, 12));
}

static void add_slot_keys(struct stage *s, struct words *w)
{
    static const char *const names[] = {"slots", "queue", "places", "epoch", "caps"};
    unsigned id = below(s, 8) == 0;
    for (size_t i = 0; i < 5; i++)
        add(w, "smtp-detour:{%016x}:%s", id, names[i]);
}

static void do_take(struct stage *s, struct words *w)
{
    unsigned me = below(s, 3);
    add_slot_keys(s, w);
    add(w, "%s", instances[me]);
    add_member(s, w, me);
    add(w, "%u", 1 + below(s, 4));
    add(w, "%u", 300 + 1000 * below(s, 4));
    add(w, "%u", 500 * below(s, 4));
    add(w, "%u", 200 + 400 * below(s, 4));
    add(w, "%u", 1 + below(s, 3));
    add(w, "%u", 100 * below(s, 4));
    add(w, "smtp-detour:free:");
    add(w, "0123456789abcdef");
    run(s, 0, 5, w->at, w->n);
}

static void do_hold(struct stage *s, struct words *w)
{
    unsigned me = below(s, 3), held = below(s, 4), asked = below(s, 3);
    add_slot_keys(s, w);
    add(w, "%s", instances[me]);
    add(w, "%012x", below(s, 5) ? 2u : 1u);
    add(w, "%u", below(s, 14));
    add(w, "%u", 300 + 1000 * below(s, 4));
    add(w, "%u", 1 + below(s, 4));
    add(w, "%u", held);
    for (unsigned i = 0; i < held + asked; i++)
        add_member(s, w, me);
    run(s, 1, 5, w->at, w->n);
}

static void do_give(struct stage *s, struct words *w)
{
    unsigned me = below(s, 3);
    add_slot_keys(s, w);
    add(w, "%s", instances[me]);
    add_member(s, w, me);
    add(w, "smtp-detour:free:");
    add(w, "0123456789abcdef");
    run(s, 2, 5, w->at, w->n);
}

static void do_rate(struct stage *s, struct words *w)
{
    unsigned back = below(s, 4) ? 0 : below(s, 3), again = below(s, 4) ? 0 : below(s, 3);
    unsigned limit = 1 + below(s, 6), period = 1000 * (1 + below(s, 3));
    unsigned id = below(s, 2);
    add(w, "smtp-detour:{%016x}:rate", id);
    add(w, "smtp-detour:{%016x}:epoch", id);
    add(w, "%u", limit);
    add(w, "%u", period);
    add(w, "%u", below(s, 3) * 300);
    add(w, "%u", back);
    add(w, "%u", again);
    for (unsigned i = 0; i < back; i++)
        add(w, "m:%u", below(s, 20));
    for (unsigned i = 0; i < again; i++) {
        add(w, "m:%u", below(s, 20));
        add(w, "%u", below(s, 3000));
    }
    for (unsigned i = below(s, 5); i > 0; i--)
        add(w, "m:%u", below(s, 20));
    run(s, 3, 2, w->at, w->n);
}

static void do_auth(struct stage *s, struct words *w)
{
    static const char *const operations[] = {"ask", "ask", "ask", "ok", "refused", "leave"};
    unsigned op = below(s, 6);
    add(w, "smtp-detour:{0}:auth:%u", below(s, 2));
    add(w, "%s", operations[op]);
    add(w, "%s:%u", instances[below(s, 3)], below(s, 2));
    add(w, "%u", 100 + 500 * below(s, 3));
    add(w, "%u", 4000 + 1000 * below(s, 3));
    run(s, 4, 1, w->at, w->n);
}

static void do_token(struct stage *s, struct words *w)
{
    static const char *const operations[] = {"get",    "lock", "lock", "renew",
                                             "unlock", "put",  "put",  "state"};
    unsigned op = below(s, 8);
    add(w, "smtp-detour:{0}:token");
    add(w, "smtp-detour:{0}:lock");
    add(w, "smtp-detour:{0}:fence");
    add(w, "%s", operations[op]);
    add(w, "%s", instances[below(s, 3)]);
    if (op == 1 || op == 2 || op == 3) {
        add(w, "%u", 300 + 700 * below(s, 3));
        add(w, "%u", op == 3 ? below(s, 5) : 500 * below(s, 3));
    } else if (op >= 5) {
        add(w, "%u", 1 + below(s, op == 7 ? 9 : 4));
        add(w, "%u", below(s, 6));
        add(w, "refresh-%u", below(s, 100));
        add(w, "access-%u", below(s, 100));
        add(w, "%u", below(s, 100000));
        add(w, "%s", instances[below(s, 3)]);
    }
    run(s, 5, 3, w->at, w->n);
}

static void do_members(struct stage *s, struct words *w)
{
    static const char *const operations[] = {"here", "here", "here", "look", "gone"};
    add(w, "smtp-detour:{members}");
    add(w, "smtp-detour:{members}:facts");
    add(w, "%s", operations[below(s, 5)]);
    add(w, "%s", instances[below(s, 3)]);
    add(w, "%u", 500 + 1000 * below(s, 3));
    add(w, "%012x", below(s, 5) ? 2u : 1u);
    add(w, "%s", below(s, 4) ? "00ff" : "");
    run(s, 6, 2, w->at, w->n);
}

static void pass_time(struct stage *s)
{
    unsigned kind = below(s, 100);
    if (kind < 55)
        s->now += below(s, 300);
    else if (kind < 85)
        s->now += below(s, 1500);
    else if (kind < 88)
        s->now += 5000 + below(s, 4000);
    else if (kind == 99)
        s->now -= below(s, 4) ? below(s, 3000) : 700000;
}

static void do_something(struct stage *s)
{
    static void (*const all[])(struct stage *, struct words *) = {
        do_take, do_take, do_take,  do_take,  do_take,  do_hold,  do_hold,
        do_hold, do_give, do_give,  do_rate,  do_rate,  do_rate,  do_auth,
        do_auth, do_auth, do_token, do_token, do_token, do_token, do_members};
    struct words w = {.n = 0};
    pass_time(s);
    if (below(s, 60) == 0)
        flush(s);
    all[below(s, sizeof all / sizeof *all)](s, &w);
}

/* ---- comparing ---- */

static void explain(const struct stage *s, struct slice got, uint64_t seed)
{
    struct slice wanted = buf_view(&s->answers);
    size_t at = 0, op = 0;
    while (at < got.len && at < wanted.len && got.data[at] == wanted.data[at])
        at++;
    while (op + 1 < s->n && s->begins[op + 1] <= at)
        op++;
    for (size_t i = 0; i <= op && i < s->n; i++)
        fprintf(stderr, "  %zu:%s\n", i, s->said[i]);
    struct slice theirs = slice_from(got, s->begins[op]), ours = slice_from(wanted, s->begins[op]);
    fail_msg("ENGINE_SEED=%llu: operation %zu; the server says\n%.*s\nthe model\n%.*s",
             (unsigned long long)seed, op, (int)(theirs.len < 300 ? theirs.len : 300), theirs.data,
             (int)(ours.len < 300 ? ours.len : 300), ours.data);
}

static void forget(struct stage *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->said[i]);
    s->n = 0;
    buf_clear(&s->commands);
    buf_clear(&s->answers);
    buf_clear(&s->messages);
}

static size_t count_replies(struct slice text)
{
    const struct engine_value *v;
    struct resp *r = resp_new();
    size_t n = 0;
    while (text.len) {
        struct slice part = slice_head(text, 1000);
        assert_true(resp_feed(r, part));
        while (resp_next(r, &v) == RESP_VALUE)
            n++;
        text = slice_from(text, part.len);
    }
    resp_free(&r);
    return n;
}

static void play_sequence(struct stage *s, uint64_t seed)
{
    struct buf got;
    struct sim_rng seeder = {.state = seed};
    s->rng.state = sim_rng_next(&seeder);
    s->now = 1764486000000 + below(s, 1000000);
    forget(s);
    flush(s);
    for (unsigned n = 5 + below(s, MOST_OPERATIONS - 5); n > 0; n--)
        do_something(s);
    buf_init(&got, OUT);
    write_all(s->asks, buf_view(&s->commands));
    read_some(s->asks, count_replies(buf_view(&s->answers)), SIZE_MAX, &got);
    if (!slice_equal(buf_view(&got), buf_view(&s->answers)))
        explain(s, buf_view(&got), seed);
    buf_clear(&got);
    read_some(s->hears, SIZE_MAX, s->messages.len, &got);
    if (!slice_equal(buf_view(&got), buf_view(&s->messages)))
        fail_msg("ENGINE_SEED=%llu: other messages on the channels", (unsigned long long)seed);
    buf_free(&got);
}

static int set_up(void **state)
{
    static struct stage stage;
    struct stage *s = &stage;
    static const char *const listen[] = {"PSUBSCRIBE", "*"};
    *state = s;
    if (!redis_is_installed())
        return 0;
    buf_init(&s->commands, OUT);
    buf_init(&s->answers, OUT);
    buf_init(&s->messages, OUT);
    if (!redis_start(&s->server, NULL))
        return -1;
    s->asks = redis_connect(&s->server);
    s->hears = redis_connect(&s->server);
    s->model = engine_model_new(heard, s);
    for (size_t i = 0; i < SCRIPTS; i++) {
        char *text = with_our_clock(scripts[i]->text);
        load(s, text, s->sha[i]);
        free(text);
    }
    struct buf said;
    buf_init(&said, 1024);
    command(&said, listen, 2);
    write_all(s->hears, buf_view(&said));
    buf_clear(&said);
    read_some(s->hears, 1, SIZE_MAX, &said);
    buf_free(&said);
    return 0;
}

static int tear_down(void **state)
{
    struct stage *s = *state;
    if (!s->model)
        return 0;
    forget(s);
    engine_model_free(&s->model);
    close(s->asks);
    close(s->hears);
    redis_stop(&s->server);
    return 0;
}

static void need_redis(const struct stage *s)
{
    if (s->model)
        return;
    print_message("there is no redis-server here: not run\n");
    skip();
}

static void scripts_and_model_agree(void **state)
{
    struct stage *s = *state;
    const char *count = getenv("ENGINE_SEQUENCES"), *one = getenv("ENGINE_SEED");
    uint64_t n = count ? strtoull(count, NULL, 10) : 1500;
    need_redis(s);
    if (one) {
        play_sequence(s, strtoull(one, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= n; seed++)
        play_sequence(s, seed);
}

/* Asked for by another name than its own, a script would be sent as text each time. */
static void names_are_the_digests(void **state)
{
    struct stage *s = *state;
    need_redis(s);
    for (size_t i = 0; i < SCRIPTS; i++) {
        char sha[41];
        load(s, scripts[i]->text, sha);
        assert_string_equal(sha, scripts[i]->sha1);
        assert_string_not_equal(sha, s->sha[i]);
    }
}

/* Runs a script as it is compiled in, by the server's own clock. */
static void run_for_real(struct stage *s, const struct engine_script *script, const char *nkeys,
                         const char *const *words, size_t n)
{
    const char *all[MOST_WORDS] = {"EVAL", script->text, nkeys};
    struct buf said;
    for (size_t i = 0; i < n; i++)
        all[3 + i] = words[i];
    buf_clear(&s->commands);
    command(&s->commands, all, n + 3);
    write_all(s->asks, buf_view(&s->commands));
    buf_init(&said, OUT);
    read_some(s->asks, 1, SIZE_MAX, &said);
    if (buf_view(&said).data[0] == '-')
        fail_msg("%s: %.*s", script->name, (int)said.len, buf_view(&said).data);
    buf_free(&said);
}

/* An account that nobody uses any more leaves nothing behind: every key has an end. */
static void every_key_has_an_end(void **state)
{
#define SLOTS "slots", "queue", "places", "epoch", "caps"
#define RUN(script, nkeys, ...)                                                                    \
    run_for_real(s, &script_##script, nkeys, (const char *const[]){__VA_ARGS__},                   \
                 sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))
    static const char *const count[] = {
        "EVAL",
        ("local n = 0 for _, k in ipairs(redis.call('KEYS', '*')) do "
         "if redis.call('PTTL', k) < 0 then return k end n = n + 1 end return n"),
        "0"};
    struct stage *s = *state;
    struct buf said;
    need_redis(s);
    forget(s);
    flush(s);
    write_all(s->asks, buf_view(&s->commands));
    buf_init(&said, 100);
    read_some(s->asks, 1, SIZE_MAX, &said);
    buf_free(&said);
    RUN(take, "5", SLOTS, "a", "a:1:1", "1", "30000", "0", "1500", "1", "0", "free:", "x");
    RUN(take, "5", SLOTS, "b", "b:1:1", "1", "30000", "0", "1500", "1", "0", "free:", "x");
    RUN(hold, "5", SLOTS, "a", "1", "1", "30000", "1", "1", "a:1:1");
    RUN(rate, "2", "rate", "epoch", "3", "60000", "0", "0", "0", "a:1:1");
    RUN(auth, "1", "auth", "ask", "a", "1000");
    RUN(token, "3", "token", "lock", "fence", "lock", "a", "15000", "0");
    RUN(token, "3", "token", "lock", "fence", "put", "a", "1", "1", "r", "x", "0", "a");
    RUN(members, "2", "members", "facts", "here", "a", "30000", "1", "00ff");
    buf_clear(&s->commands);
    command(&s->commands, count, 3);
    write_all(s->asks, buf_view(&s->commands));
    buf_init(&said, OUT);
    read_some(s->asks, 1, SIZE_MAX, &said);
    /* Five of sessions, three of a token, two of members, a rate and a login. */
    assert_true(slice_starts(buf_view(&said), ":12\r\n"));
    buf_free(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_the_digests),
        cmocka_unit_test(scripts_and_model_agree),
        /* Last: its messages would be read as those of a sequence. */
        cmocka_unit_test(every_key_has_an_end),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
