/* A person's login against an authority that behaves as Entra's and Google's documents say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "io/crypto.h"
#include "oauth/login.h"
#include "sim/sim.h"
#include "sim/sim_http.h"

#define S USEC_PER_SEC
#define DEVICE                                                                                     \
    "{\"device_code\":\"DEV\",\"user_code\":\"ABCD-EFGH\",\"verification_uri\":\"https://"         \
    "login.test/device\","                                                                         \
    "\"expires_in\":900,\"interval\":5}"
#define PENDING                                                                                    \
    {                                                                                              \
        .status = 400, .body = "{\"error\":\"authorization_pending\"}"                             \
    }
#define SLOW                                                                                       \
    {                                                                                              \
        .status = 400, .body = "{\"error\":\"slow_down\"}"                                         \
    }
#define TOKENS                                                                                     \
    {                                                                                              \
        .status = 200,                                                                             \
        .body = "{\"access_token\":\"a\",\"refresh_token\":\"r\",\"token_type\":\"Bearer\"}"       \
    }

struct world {
    struct sim *sim;
    struct http *http;
    struct oauth_login *login;
    /* What the authority answers, one after the other; the last again and again. */
    const struct sim_http_reply *replies;
    size_t nreplies, asked;
    usec at[64];
    char last[2000];
    char url[1000], user_code[64], token[64];
    int shown, done;
    struct err err;
};

static struct sim_http_reply authority(void *ctx, struct slice body)
{
    struct world *w = ctx;
    snprintf(w->last, sizeof w->last, "%.*s", (int)body.len, body.data);
    if (w->asked < 64)
        w->at[w->asked] = sim_now(w->sim);
    size_t i = w->asked++;
    return w->replies[i < w->nreplies ? i : w->nreplies - 1];
}

static void on_show(void *ctx, const char *url, const char *user_code)
{
    struct world *w = ctx;
    w->shown++;
    snprintf(w->url, sizeof w->url, "%s", url);
    snprintf(w->user_code, sizeof w->user_code, "%s", user_code);
}

static void on_done(void *ctx, const struct secret *token, const struct err *err)
{
    struct world *w = ctx;
    w->done++;
    if (token)
        snprintf(w->token, sizeof w->token, "%s", secret_reveal(token).data);
    else
        w->err = *err;
    oauth_login_free(&w->login);
}

static const struct oauth_login_events events = {.show = on_show, .done = on_done};

static const struct oauth_login_settings settings = {
    .client_id = "app",
    .scope = "https://mail.test/ offline_access",
    .token_url = "https://login.test/token",
    .device_url = "https://login.test/devicecode",
    .authorize_url = "https://login.test/authorize",
    .redirect = "http://127.0.0.1:4711",
    .hint = "me@office.example",
    .more = "access_type=offline&prompt=consent",
};

static void world_begin(struct world *w, const struct sim_http_reply *replies, size_t n)
{
    struct err err;
    *w = (struct world){.sim = sim_new(5), .replies = replies, .nreplies = n};
    w->http = http_new(sim_io(w->sim)->loop, &err);
    sim_http_serve(w->sim, authority, w);
}

static void world_end(struct world *w)
{
    oauth_login_free(&w->login);
    http_free(&w->http);
    sim_run_for(w->sim, S);
    assert_int_equal(sim_living(w->sim).timers, 0);
    assert_int_equal(sim_living(w->sim).jobs, 0);
    sim_free(&w->sim);
}

static void device(struct world *w, const struct sim_http_reply *replies, size_t n)
{
    world_begin(w, replies, n);
    w->login = oauth_login_device(sim_io(w->sim), w->http, &settings, &events, w);
    sim_run_for(w->sim, S);
}

#define DEVICE_WITH(w, ...)                                                                        \
    const struct sim_http_reply replies[] = {{.status = 200, .body = DEVICE}, __VA_ARGS__};        \
    device((w), replies, sizeof replies / sizeof *replies)

static void a_device_code(void **state)
{
    struct world w;
    (void)state;
    DEVICE_WITH(&w, PENDING, PENDING, TOKENS);
    assert_int_equal(w.shown, 1);
    assert_string_equal(w.url, "https://login.test/device");
    assert_string_equal(w.user_code, "ABCD-EFGH");
    assert_string_equal(w.last, "client_id=app&scope=https%3A%2F%2Fmail.test%2F%20offline_access");
    sim_run_for(w.sim, 20 * S);
    assert_int_equal(w.done, 1);
    assert_string_equal(w.token, "r");
    assert_string_equal(w.last, "client_id=app&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%"
                                "3Adevice_code&device_code=DEV");
    assert_int_equal(w.asked, 4);
    world_end(&w);
}

static void slow_down_is_obeyed(void **state)
{
    struct world w;
    (void)state;
    DEVICE_WITH(&w, PENDING, SLOW, PENDING, SLOW, TOKENS);
    sim_run_for(w.sim, 120 * S);
    assert_string_equal(w.token, "r");
    static const int pauses[] = {5, 5, 10, 10, 15};
    for (size_t i = 0; i < 5; i++)
        assert_true(w.at[i + 1] - w.at[i] >= pauses[i] * S &&
                    w.at[i + 1] - w.at[i] < (pauses[i] + 1) * S);
    world_end(&w);
}

static void trouble_is_waited_out(void **state)
{
    struct world w;
    (void)state;
    DEVICE_WITH(&w, PENDING, {.status = 503, .body = "<html>"}, {.status = 0},
                {.status = 429, .body = "{}"}, TOKENS);
    sim_run_for(w.sim, 200 * S);
    assert_string_equal(w.token, "r");
    world_end(&w);
}

static void denied_or_expired(void **state)
{
    static const struct {
        struct sim_http_reply reply;
        const char *words;
        enum err_kind kind;
    } ends[] = {
        {{.status = 403, .body = "{\"error\":\"access_denied\"}"}, "was declined", ERR_REFUSED},
        {{.status = 400, .body = "{\"error\":\"authorization_declined\"}"},
         "was declined",
         ERR_REFUSED},
        {{.status = 400, .body = "{\"error\":\"invalid_grant\",\"error_codes\":[53003]}"},
         "Conditional Access",
         ERR_PERMISSION},
        {{.status = 400, .body = "{\"error\":\"expired_token\"}"},
         "has expired: begin again",
         ERR_TIMEOUT},
        {{.status = 401, .body = "{\"error\":\"invalid_client\",\"error_codes\":[7000218]}"},
         "Allow public client flows",
         ERR_PERMISSION},
        {{.status = 200, .body = "{\"access_token\":\"a\"}"},
         "without a refresh token",
         ERR_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct world w;
        DEVICE_WITH(&w, PENDING, ends[i].reply);
        sim_run_for(w.sim, 60 * S);
        assert_int_equal(w.done, 1);
        assert_string_equal(w.token, "");
        if (!strstr(w.err.words, ends[i].words))
            fail_msg("%s", w.err.words);
        assert_int_equal(w.err.kind, ends[i].kind);
        world_end(&w);
    }
}

static void nobody_comes(void **state)
{
    struct world w;
    (void)state;
    DEVICE_WITH(&w, PENDING);
    sim_run_for(w.sim, 890 * S);
    assert_int_equal(w.done, 0);
    sim_run_for(w.sim, 20 * S);
    assert_int_equal(w.done, 1);
    assert_int_equal(w.err.kind, ERR_TIMEOUT);
    world_end(&w);
}

static void no_device_code(void **state)
{
    static const struct {
        struct sim_http_reply reply;
        const char *words;
    } rows[] = {
        {{.status = 400, .body = "{\"error\":\"invalid_scope\"}"}, "does not exist here"},
        {{.status = 200,
          .body = "{\"device_code\":\"D\",\"user_code\":\"U\",\"verification_uri\":\"javascript:"
                  "alert\"}"},
         "does not work"},
        {{.status = 200, .body = "<html>"}, "does not work"},
        {{.status = 0}, "no answer"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        device(&w, &rows[i].reply, 1);
        sim_run_for(w.sim, 20 * S);
        assert_int_equal(w.shown, 0);
        assert_int_equal(w.done, 1);
        if (!strstr(w.err.words, rows[i].words))
            fail_msg("%s", w.err.words);
        world_end(&w);
    }
}

/* ---- the browser ---- */

static void query_value(const char *url, const char *name, char out[100])
{
    const char *at = strstr(url, name);
    assert_non_null(at);
    at += strlen(name);
    snprintf(out, 100, "%.*s", (int)strcspn(at, "&"), at);
}

static void browser(struct world *w, const struct sim_http_reply *reply)
{
    world_begin(w, reply, 1);
    w->login = oauth_login_browser(sim_io(w->sim), w->http, &settings, &events, w);
    assert_int_equal(w->shown, 0);
    sim_run_for(w->sim, S);
    assert_int_equal(w->shown, 1);
}

static void assert_challenge(const struct world *w)
{
    char verifier[100], challenge[100];
    uint8_t digest[32];
    struct buf text;
    query_value(w->last, "code_verifier=", verifier);
    query_value(w->url, "code_challenge=", challenge);
    assert_int_equal(strlen(verifier), 43);
    sha256(slice_make(verifier, 43), digest);
    buf_init(&text, 64);
    assert_true(base64url_append(&text, slice_make(digest, 32)));
    assert_true(slice_is(buf_view(&text), challenge));
    buf_free(&text);
}

static void a_browser_and_its_address(void **state)
{
    static const struct sim_http_reply tokens = TOKENS;
    struct world w;
    struct err err = {0};
    char mark[100], address[300];
    (void)state;
    browser(&w, &tokens);
    assert_non_null(strstr(
        w.url,
        "https://login.test/"
        "authorize?response_type=code&client_id=app&redirect_uri=http%3A%2F%2F127.0.0.1%3A4711&"));
    assert_non_null(strstr(w.url, "&code_challenge_method=S256&login_hint=me%40office.example&"
                                  "access_type=offline&prompt=consent"));
    query_value(w.url, "state=", mark);
    snprintf(address, sizeof address,
             " http://127.0.0.1:4711/?code=4%%2F0A-b&scope=x&state=%s#frag\n", mark);
    assert_int_equal(oauth_login_take_address(w.login, slice_of(address), &err), 0);
    /* twice */
    assert_int_equal(oauth_login_take_address(w.login, slice_of(address), &err), -1);
    sim_run_for(w.sim, S);
    assert_string_equal(w.token, "r");
    assert_non_null(strstr(w.last, "client_id=app&grant_type=authorization_code&code=4%2F0A-b&"
                                   "redirect_uri=http%3A%2F%2F127.0.0.1%3A4711&"));
    assert_challenge(&w);
    assert_int_equal(w.asked, 1);
    world_end(&w);
}

static void addresses_that_do_not_do(void **state)
{
    static const struct sim_http_reply tokens = TOKENS;
    static const struct {
        const char *address, *words;
    } rows[] = {
        {"", "not that of this login"},
        {"http://127.0.0.1:4711/?code=x", "not that of this login"},
        {"http://127.0.0.1:4711/?code=x&state=other", "not that of this login"},
        {"?code=%zz&state=%s", "holds no code"},
        {"?code=%00&state=%s", "holds no code"},
        {"?state=%s", "holds no code"},
        {"?error=access_denied&error_description=the+admin%1b%5b2Jsaid+no&state=%s",
         "refused: access_denied: the admin?[2Jsaid no"},
    };
    struct world w;
    char mark[100], address[300];
    (void)state;
    browser(&w, &tokens);
    query_value(w.url, "state=", mark);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err err = {0};
        const char *at = strstr(rows[i].address, "%s");
        snprintf(address, sizeof address, "%.*s%s", at ? (int)(at - rows[i].address) : 300,
                 rows[i].address, at ? mark : "");
        assert_int_equal(oauth_login_take_address(w.login, slice_of(address), &err), -1);
        if (!strstr(err.words, rows[i].words))
            fail_msg("%s: %s", address, err.words);
    }
    assert_int_equal(w.asked, 0);
    assert_int_equal(w.done, 0);
    /* and then nothing */
    sim_run_for(w.sim, 601 * S);
    assert_int_equal(w.err.kind, ERR_TIMEOUT);
    world_end(&w);
}

static void the_exchange_is_refused(void **state)
{
    static const struct sim_http_reply no = {
        .status = 400,
        .body = "{\"error\":\"invalid_grant\",\"error_description\":\"Malformed auth code.\"}"};
    struct world w;
    struct err err;
    char mark[100], address[300];
    (void)state;
    browser(&w, &no);
    query_value(w.url, "state=", mark);
    snprintf(address, sizeof address, "?code=c&state=%s", mark);
    assert_int_equal(oauth_login_take_address(w.login, slice_of(address), &err), 0);
    sim_run_for(w.sim, S);
    assert_int_equal(w.done, 1);
    assert_int_equal(w.err.kind, ERR_PERMISSION);
    world_end(&w);
}

/* The words of a refusal are shown on a terminal, and perhaps passed on from there. */
static void what_is_repeated_is_not_shown(void **state)
{
    static const struct sim_http_reply no = {
        .status = 400,
        .body = "{\"error\":\"no_row_knows_it\",\"error_description\":"
                "\"bad code M.C5_0123456789\"}"};
    struct world w;
    struct err err;
    char mark[100], address[300];
    (void)state;
    browser(&w, &no);
    query_value(w.url, "state=", mark);
    snprintf(address, sizeof address, "?code=M.C5_0123456789&state=%s", mark);
    assert_int_equal(oauth_login_take_address(w.login, slice_of(address), &err), 0);
    sim_run_for(w.sim, S);
    assert_int_equal(w.done, 1);
    if (strstr(w.err.words, "0123") || !strstr(w.err.words, "no_row_knows_it"))
        fail_msg("%s", w.err.words);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_code),
        cmocka_unit_test(slow_down_is_obeyed),
        cmocka_unit_test(trouble_is_waited_out),
        cmocka_unit_test(denied_or_expired),
        cmocka_unit_test(nobody_comes),
        cmocka_unit_test(no_device_code),
        cmocka_unit_test(a_browser_and_its_address),
        cmocka_unit_test(addresses_that_do_not_do),
        cmocka_unit_test(the_exchange_is_refused),
        cmocka_unit_test(what_is_repeated_is_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
