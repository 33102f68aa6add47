/* The life of tokens against a scripted endpoint, in the simulated world. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/loop.h"
#include "oauth/token.h"
#include "sim/sim.h"
#include "sim/sim_http.h"

#define S USEC_PER_SEC
#define MINUTE (60 * S)
#define HOUR (60 * MINUTE)
#define FILE_OF_TOKEN "/state/work.token"
#define FILE_OF_SECRET "/etc/client-secret"

struct world {
    struct sim *sim;
    struct http *http;
    struct oauth *oauth;
    /* The endpoint: what it answers to the next request, how many came, and what the last one
     * was. */
    struct sim_http_reply reply;
    bool rotates;
    unsigned asked, reuses;
    usec at[400];
    char last[2000], body[200], expected[40];
};

static const struct oauth_settings application = {
    .account = "work",
    .identity = "scan@contoso.example",
    .client_id = "app",
    .scope = "scope",
    .token_url = "https://token.test/",
    .client_secret_file = FILE_OF_SECRET,
    .flow = TOKEN_APPLICATION,
    .retry_first = 5 * MINUTE,
    .retry_longest = HOUR,
};

static const struct oauth_settings person = {
    .account = "work",
    .client_id = "app",
    .token_url = "https://token.test/",
    .token_file = FILE_OF_TOKEN,
    .retry_first = 5 * MINUTE,
    .retry_longest = HOUR,
};

static struct sim_http_reply endpoint(void *ctx, struct slice body)
{
    struct world *w = ctx;
    struct sim_http_reply reply = w->reply;
    snprintf(w->last, sizeof w->last, "%.*s", (int)body.len, body.data);
    if (w->asked < 400)
        w->at[w->asked] = sim_now(w->sim);
    w->asked++;
    if (!w->rotates)
        return reply;
    if (!strstr(w->last, w->expected))
        w->reuses++;
    snprintf(w->expected, sizeof w->expected, "refresh_token=r%u", w->asked);
    snprintf(w->body, sizeof w->body,
             "{\"access_token\":\"a%u\",\"refresh_token\":\"r%u\",\"expires_in\":3600}", w->asked,
             w->asked);
    reply.body = w->body;
    return reply;
}

static void world_begin(struct world *w)
{
    struct err err;
    *w = (struct world){
        .sim = sim_new(11),
        .reply = {.status = 200, .body = "{\"access_token\":\"a\",\"expires_in\":3600}"}};
    w->http = http_new(sim_io(w->sim)->loop, &err);
    w->oauth = oauth_new(sim_io(w->sim), w->http);
    sim_http_serve(w->sim, endpoint, w);
    sim_file(w->sim, FILE_OF_SECRET, "hush\n");
    sim_file(w->sim, FILE_OF_TOKEN, "r0\n");
    strcpy(w->expected, "refresh_token=r0");
}

static void world_end(struct world *w)
{
    oauth_free(&w->oauth);
    http_free(&w->http);
    sim_run_for(w->sim, 20 * S);
    struct sim_living living = sim_living(w->sim);
    assert_int_equal(living.timers, 0);
    assert_int_equal(living.jobs, 0);
    /* whatever happened */
    for (size_t i = 0; i < sim_log_count(w->sim); i++)
        assert_null(strstr(sim_log_line(w->sim, i), "hush"));
    sim_free(&w->sim);
}

struct wish {
    struct token_request request;
    int calls;
    char token[40];
    enum oauth_class class;
    struct err err;
};

static void on_token(void *ctx, const struct secret *secret, enum oauth_class class,
                     const struct err *err)
{
    struct wish *x = ctx;
    x->calls++;
    x->class = class;
    x->token[0] = 0;
    if (secret)
        snprintf(x->token, sizeof x->token, "%s", secret_reveal(secret).data);
    else
        x->err = *err;
}

static void ask(struct token *t, struct wish *x)
{
    *x = (struct wish){0};
    token_request_init(&x->request);
    token_ask(t, &x->request, on_token, x);
    assert_int_equal(x->calls, 0);
}

static bool is_told(void *ctx)
{
    return ((struct wish *)ctx)->calls > 0;
}

static struct wish get(struct world *w, struct token *t)
{
    static struct wish x;
    ask(t, &x);
    assert_true(sim_run_until(w->sim, is_told, &x, 60 * S));
    assert_int_equal(x.calls, 1);
    return x;
}

static void one_request_for_all_who_ask(void **state)
{
    struct world w;
    struct wish x[3];
    (void)state;
    world_begin(&w);
    struct token *t = token_open(w.oauth, &application);
    sim_run_for(w.sim, HOUR);
    assert_int_equal(w.asked, 0);
    for (int i = 0; i < 3; i++)
        ask(t, &x[i]);
    token_cancel(&x[1].request);
    sim_run_for(w.sim, S);
    assert_string_equal(x[0].token, "a");
    assert_string_equal(x[2].token, "a");
    assert_int_equal(x[1].calls, 0);
    assert_string_equal(
        w.last, "grant_type=client_credentials&client_id=app&client_secret=hush&scope=scope");
    assert_string_equal(get(&w, t).token, "a");
    assert_int_equal(w.asked, 1);
    token_close(&t);
    world_end(&w);
}

static void renewed_ahead_while_it_is_used(void **state)
{
    struct world w;
    (void)state;
    world_begin(&w);
    struct token *t = token_open(w.oauth, &application);
    get(&w, t);
    sim_run_for(w.sim, 30 * MINUTE);
    get(&w, t);
    assert_int_equal(w.asked, 1);
    sim_run_for(w.sim, 15 * MINUTE + S);
    /* at least 15 minutes before its end */
    assert_int_equal(w.asked, 2);
    sim_run_for(w.sim, 5 * HOUR);
    /* nobody used that one */
    assert_int_equal(w.asked, 2);
    w.reply.body = "{\"access_token\":\"b\",\"expires_in\":\"60\"}";
    assert_string_equal(get(&w, t).token, "b");
    get(&w, t);
    sim_run_for(w.sim, 46 * S);
    /* a quarter of its life */
    assert_int_equal(w.asked, 4);
    token_close(&t);
    world_end(&w);
}

/* The old one is good for as long as it lives. */
static void a_renewal_that_fails_costs_nothing_yet(void **state)
{
    struct world w;
    (void)state;
    world_begin(&w);
    struct token *t = token_open(w.oauth, &application);
    get(&w, t);
    w.reply.status = 503;
    w.reply.body = "<html>";
    sim_run_for(w.sim, 50 * MINUTE);
    assert_string_equal(get(&w, t).token, "a");
    assert_true(w.asked >= 2);
    sim_run_for(w.sim, 11 * MINUTE);
    struct wish x = get(&w, t);
    assert_string_equal(x.token, "");
    assert_int_equal(x.class, OAUTH_WAIT);
    assert_non_null(strstr(x.err.words, "HTTP 503"));
    token_close(&t);
    world_end(&w);
}

static void a_rotated_token_is_on_the_disk_first(void **state)
{
    struct world w;
    (void)state;
    world_begin(&w);
    w.rotates = true;
    struct token *t = token_open(w.oauth, &person);
    for (unsigned i = 1; i < 50; i++) {
        char token[20], file[20];
        snprintf(token, sizeof token, "a%u", i);
        snprintf(file, sizeof file, "r%u", i);
        assert_string_equal(get(&w, t).token, token);
        assert_string_equal(sim_file_text(w.sim, FILE_OF_TOKEN), file);
        struct secret *used = secret_new(slice_of(token));
        token_refused(t, used, "me");
        secret_free(&used);
    }
    assert_int_equal(w.reuses, 0);
    token_close(&t);
    world_end(&w);
}

static void what_cannot_be_written_lives_in_memory(void **state)
{
    struct world w;
    (void)state;
    world_begin(&w);
    w.rotates = true;
    sim_files_refuse_writes(w.sim, true);
    struct token *t = token_open(w.oauth, &person);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get(&w, t).class, OAUTH_OK);
        sim_run_for(w.sim, 2 * HOUR);
    }
    assert_int_equal(w.reuses, 0);
    assert_string_equal(sim_file_text(w.sim, FILE_OF_TOKEN), "r0\n");
    assert_true(sim_log_has(w.sim, "cannot be written"));
    /* a login elsewhere */
    sim_file(w.sim, FILE_OF_TOKEN, "byhand\n");
    strcpy(w.expected, "refresh_token=byhand");
    get(&w, t);
    assert_int_equal(w.reuses, 0);
    token_close(&t);
    world_end(&w);
}

static void waits_double_and_nothing_is_sent(void **state)
{
    struct world w;
    (void)state;
    world_begin(&w);
    w.reply.status = 500;
    w.reply.body = "";
    struct token *t = token_open(w.oauth, &application);
    /* an hour, asked every 1.2 s */
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(get(&w, t).class, OAUTH_WAIT);
        sim_run_for(w.sim, 1200 * USEC_PER_MS);
    }
    for (unsigned i = 1; i < w.asked; i++) {
        usec wait = w.at[i] - w.at[i - 1], doubled = S << (i - 1),
             full = doubled < 5 * MINUTE ? doubled : 5 * MINUTE;
        assert_true(wait >= full * 4 / 5 && wait <= full * 6 / 5 + 2 * S);
    }
    assert_true(w.asked > 12 && w.asked < 30);
    token_close(&t);
    world_end(&w);
}

static void retry_after_is_obeyed(void **state)
{
    struct world w;
    (void)state;
    world_begin(&w);
    w.reply = (struct sim_http_reply){.status = 429, .body = "{}", .retry_after = 60};
    struct token *t = token_open(w.oauth, &application);
    assert_non_null(strstr(get(&w, t).err.words, "waiting 60 s"));
    sim_run_for(w.sim, 59 * S);
    get(&w, t);
    assert_int_equal(w.asked, 1);
    sim_run_for(w.sim, 2 * S);
    w.reply.retry_after = 100000000;
    get(&w, t);
    assert_int_equal(w.asked, 2);
    /* at most */
    assert_true(token_wait_left(t) <= HOUR);
    /* a reload */
    token_forgive(t);
    w.reply = (struct sim_http_reply){.status = 200, .body = "{\"access_token\":\"a\"}"};
    assert_string_equal(get(&w, t).token, "a");
    assert_true(sim_log_has(w.sim, "gives tokens again"));
    token_close(&t);
    world_end(&w);
}

static void a_refusal_rests_until_a_file_changes(void **state)
{
    struct world w;
    (void)state;
    world_begin(&w);
    w.reply = (struct sim_http_reply){.status = 401,
                                      .body = "{\"error\":\"invalid_client\",\"error_description\":"
                                              "\"AADSTS7000222\",\"error_codes\":[7000222]}"};
    struct token *t = token_open(w.oauth, &application);
    struct wish x = get(&w, t);
    assert_int_equal(x.class, OAUTH_REFUSED);
    assert_non_null(strstr(x.err.words, "put it into " FILE_OF_SECRET));
    sim_run_for(w.sim, 299 * S);
    get(&w, t);
    assert_int_equal(w.asked, 1);
    sim_run_for(w.sim, 2 * S);
    get(&w, t);
    assert_int_equal(w.asked, 2);
    sim_run_for(w.sim, 599 * S);
    get(&w, t);
    /* doubled */
    assert_int_equal(w.asked, 2);
    sim_run_for(w.sim, 2 * S);
    get(&w, t);
    assert_int_equal(w.asked, 3);
    w.reply = (struct sim_http_reply){.status = 200, .body = "{\"access_token\":\"a\"}"};
    sim_file(w.sim, FILE_OF_SECRET, "hush2\n");
    sim_run_for(w.sim, 16 * S);
    assert_string_equal(get(&w, t).token, "a");
    token_close(&t);
    world_end(&w);
}

static void no_login_yet(void **state)
{
    struct world w;
    (void)state;
    world_begin(&w);
    sim_file(w.sim, FILE_OF_TOKEN, NULL);
    struct token *t = token_open(w.oauth, &person);
    struct wish x = get(&w, t);
    assert_int_equal(x.class, OAUTH_REFUSED);
    assert_non_null(strstr(x.err.words, "run `smtp-detour login work`"));
    assert_int_equal(w.asked, 0);
    sim_file(w.sim, FILE_OF_TOKEN, "r0\n");
    sim_run_for(w.sim, 16 * S);
    assert_string_equal(get(&w, t).token, "a");
    token_close(&t);
    world_end(&w);
}

/* Another process renews: its refresh token is ours to use afterwards. */
static void a_lock_elsewhere_is_waited_for(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    sim_tokens_locked(w.sim, true);
    struct token *t = token_open(w.oauth, &person);
    ask(t, &x);
    sim_run_for(w.sim, 5 * S);
    assert_int_equal(w.asked, 0);
    sim_file(w.sim, FILE_OF_TOKEN, "theirs\n");
    sim_tokens_locked(w.sim, false);
    sim_run_for(w.sim, S);
    assert_string_equal(x.token, "a");
    assert_non_null(strstr(w.last, "refresh_token=theirs"));
    token_close(&t);
    t = token_open(w.oauth, &person);
    sim_tokens_locked(w.sim, true);
    x = get(&w, t);
    assert_int_equal(x.class, OAUTH_WAIT);
    assert_non_null(strstr(x.err.words, "another process"));
    token_close(&t);
    world_end(&w);
}

static void a_failure_gives_the_lock_back(void **state)
{
    static const struct sim_http_reply failures[] = {
        {.status = 500, .body = ""},
        {.status = 0},
        {.status = 400, .body = "{\"error\":\"invalid_grant\"}"}};
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        struct world w;
        world_begin(&w);
        struct token *t = token_open(w.oauth, &person);
        w.reply = failures[i];
        assert_int_not_equal(get(&w, t).class, OAUTH_OK);
        w.reply = (struct sim_http_reply){.status = 200, .body = "{\"access_token\":\"a\"}"};
        sim_run_for(w.sim, 301 * S);
        assert_string_equal(get(&w, t).token, "a");
        token_close(&t);
        world_end(&w);
    }
}

static void a_refused_token_is_fetched_anew(void **state)
{
    struct world w;
    struct secret *a = secret_new(slice_of("a")), *other = secret_new(slice_of("other"));
    (void)state;
    world_begin(&w);
    struct token *t = token_open(w.oauth, &application);
    get(&w, t);
    /* an older one */
    token_refused(t, other, "me");
    get(&w, t);
    assert_int_equal(w.asked, 1);
    /* after a reload two accounts hold the grant for a while */
    struct token *same = token_open(w.oauth, &application);
    token_accepted(t, "me");
    assert_false(token_refused(same, a, "you"));
    assert_true(token_refused(same, a, "me"));
    token_close(&same);
    w.reply.body = "{\"access_token\":\"b\"}";
    assert_string_equal(get(&w, t).token, "b");
    assert_int_equal(w.asked, 2);
    token_close(&t);
    secret_free(&a);
    secret_free(&other);
    world_end(&w);
}

static void a_wrong_clock_is_named_and_made_up_for(void **state)
{
    struct world w;
    struct oauth_settings s = application;
    (void)state;
    world_begin(&w);
    s.client_secret_file = NULL;
    s.assertion_file = FILE_OF_SECRET;
    struct token *t = token_open(w.oauth, &s);
    w.reply =
        (struct sim_http_reply){.status = 401,
                                .body = "{\"error\":\"invalid_client\",\"error_codes\":[700024]}",
                                .date = loop_wall_ms(sim_io(w.sim)->loop) / 1000 + 7200};
    struct wish x = get(&w, t);
    /* made anew once, at once */
    assert_int_equal(w.asked, 2);
    assert_int_equal(x.class, OAUTH_REFUSED);
    assert_true(token_skew(t) > 7100 && token_skew(t) < 7300);
    assert_true(sim_log_has(w.sim, "clock and the token service's differ"));
    token_close(&t);
    world_end(&w);
}

static void accounts_with_one_file_have_one_refresher(void **state)
{
    struct world w;
    struct oauth_settings other = person, elsewhere = person;
    struct wish x, y, z;
    (void)state;
    world_begin(&w);
    w.rotates = true;
    other.account = "home";
    elsewhere.token_file = FILE_OF_SECRET;
    struct token *first = token_open(w.oauth, &person), *second = token_open(w.oauth, &other),
                 *third = token_open(w.oauth, &elsewhere);
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(first, third);
    ask(first, &x);
    ask(second, &y);
    sim_run_for(w.sim, S);
    assert_string_equal(x.token, "a1");
    assert_string_equal(y.token, "a1");
    assert_int_equal(w.asked, 1);
    token_close(&first);
    ask(second, &z);
    sim_run_for(w.sim, S);
    assert_string_equal(z.token, "a1");
    token_close(&second);
    token_close(&third);
    world_end(&w);
}

static void closed_at_any_moment(void **state)
{
    (void)state;
    for (usec moment = 0; moment < 40 * USEC_PER_MS; moment += 300) {
        struct world w;
        struct wish x;
        world_begin(&w);
        w.rotates = true;
        struct token *t = token_open(w.oauth, &person);
        ask(t, &x);
        sim_run_for(w.sim, moment);
        token_cancel(&x.request);
        token_close(&t);
        sim_run_for(w.sim, moment % 900 ? S : 0);
        /* the lock was given back, and what was sent is known */
        t = token_open(w.oauth, &person);
        assert_int_equal(get(&w, t).class, OAUTH_OK);
        assert_int_equal(w.reuses, 0);
        token_close(&t);
        world_end(&w);
    }
}

static void used_every_day_lest_it_dies(void **state)
{
    struct world w;
    (void)state;
    world_begin(&w);
    w.rotates = true;
    struct token *t = token_open(w.oauth, &person);
    get(&w, t);
    sim_run_for(w.sim, 10 * 24 * HOUR);
    assert_true(w.asked >= 11 && w.asked <= 12);
    assert_int_equal(w.reuses, 0);
    token_close(&t);
    world_end(&w);
}

static void a_hundred_do_not_renew_at_once(void **state)
{
    enum { MANY = 100 };
    struct world w;
    struct token *tokens[MANY];
    struct wish x[MANY];
    char names[MANY][20];
    (void)state;
    world_begin(&w);
    for (int i = 0; i < MANY; i++) {
        struct oauth_settings s = application;
        snprintf(names[i], sizeof names[i], "app%d", i);
        s.client_id = names[i];
        tokens[i] = token_open(w.oauth, &s);
        ask(tokens[i], &x[i]);
    }
    sim_run_for(w.sim, HOUR);
    assert_int_equal(w.asked, 2 * MANY);
    usec first = INT64_MAX, last = 0;
    for (int i = MANY; i < 2 * MANY; i++) {
        first = w.at[i] < first ? w.at[i] : first;
        last = w.at[i] > last ? w.at[i] : last;
    }
    assert_true(last - first > 5 * MINUTE);
    for (int i = 0; i < MANY; i++)
        token_close(&tokens[i]);
    world_end(&w);
}

static void silence_and_garbage(void **state)
{
    struct world w;
    (void)state;
    world_begin(&w);
    w.reply.status = 0;
    struct token *t = token_open(w.oauth, &application);
    usec begun = sim_now(w.sim);
    assert_int_equal(get(&w, t).class, OAUTH_WAIT);
    assert_true(sim_now(w.sim) - begun < 11 * S);
    w.reply = (struct sim_http_reply){.status = 200, .body = "<html>please log in to the hotel"};
    sim_run_for(w.sim, 2 * S);
    assert_int_equal(get(&w, t).class, OAUTH_WAIT);
    token_close(&t);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_request_for_all_who_ask),
        cmocka_unit_test(renewed_ahead_while_it_is_used),
        cmocka_unit_test(a_renewal_that_fails_costs_nothing_yet),
        cmocka_unit_test(a_rotated_token_is_on_the_disk_first),
        cmocka_unit_test(what_cannot_be_written_lives_in_memory),
        cmocka_unit_test(waits_double_and_nothing_is_sent),
        cmocka_unit_test(retry_after_is_obeyed),
        cmocka_unit_test(a_refusal_rests_until_a_file_changes),
        cmocka_unit_test(no_login_yet),
        cmocka_unit_test(a_lock_elsewhere_is_waited_for),
        cmocka_unit_test(a_failure_gives_the_lock_back),
        cmocka_unit_test(a_refused_token_is_fetched_anew),
        cmocka_unit_test(a_wrong_clock_is_named_and_made_up_for),
        cmocka_unit_test(accounts_with_one_file_have_one_refresher),
        cmocka_unit_test(closed_at_any_moment),
        cmocka_unit_test(used_every_day_lest_it_dies),
        cmocka_unit_test(a_hundred_do_not_renew_at_once),
        cmocka_unit_test(silence_and_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
