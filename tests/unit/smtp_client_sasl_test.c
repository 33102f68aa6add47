/* The SASL exchanges of the client half: SCRAM and CRAM-MD5 against libgsasl's own server side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsasl.h>

#include "smtp/sasl.h"
#include "smtp_client_world.h"
#include "wire/base64.h"

static const char user[] = "user@example.test", password[] = "pencil \xC3\xA4";
static const char token[] = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg";

static struct sasl *make(enum mechanism m)
{
    struct err err;
    bool takes_token = mechanism_row(m)->secret == MECHANISM_TOKEN;
    struct secret *secret = secret_new(slice_of(takes_token ? token : password));
    struct sasl *s = sasl_new(m, &(struct sasl_login){.user = user, .secret = secret}, &err);
    secret_free(&secret);
    assert_non_null(s);
    return s;
}

/* Takes a step and gives the response as a string, NULL when it failed. */
static char *step(struct sasl *s, const char *challenge)
{
    struct err err = {0};
    struct buf out;
    buf_init(&out, CAP_TOKEN_RESPONSE);
    char *response =
        sasl_step(s, slice_of(challenge), &out, &err) == 0 ? slice_string(buf_view(&out)) : NULL;
    assert_true(response || err.words[0]);
    buf_free(&out);
    return response;
}

static void expect_step(struct sasl *s, const char *challenge, const char *response)
{
    char *got = step(s, challenge);
    if (response)
        assert_string_equal(got, response);
    else
        assert_null(got);
    free(got);
}

static char *encoded(const char *text)
{
    struct buf out;
    buf_init(&out, CAP_TOKEN_RESPONSE);
    assert_true(base64_encode(slice_of(text), &out));
    char *s = slice_string(buf_view(&out));
    buf_free(&out);
    return s;
}

static void test_plain(void **state)
{
    (void)state;
    struct sasl *s = make(MECHANISM_PLAIN);
    assert_true(sasl_speaks_first(s));
    assert_false(sasl_is_satisfied(s));
    expect_step(s, "", "AHVzZXJAZXhhbXBsZS50ZXN0AHBlbmNpbCDDpA==");
    assert_true(sasl_is_satisfied(s));
    /* The server did not read the initial response. */
    expect_step(s, "", "AHVzZXJAZXhhbXBsZS50ZXN0AHBlbmNpbCDDpA==");
    assert_true(sasl_is_satisfied(s));
    expect_step(s, "", NULL);
    sasl_free(&s);
    s = make(MECHANISM_PLAIN);
    expect_step(s, "", "AHVzZXJAZXhhbXBsZS50ZXN0AHBlbmNpbCDDpA==");
    /* a question that PLAIN does not know */
    expect_step(s, "VG9rZW46", NULL);
    sasl_free(&s);
}

static void test_login(void **state)
{
    (void)state;
    struct sasl *s = make(MECHANISM_LOGIN);
    assert_false(sasl_speaks_first(s));
    expect_step(s, "!! not base64 !!", "dXNlckBleGFtcGxlLnRlc3Q=");
    assert_false(sasl_is_satisfied(s));
    expect_step(s, "", "cGVuY2lsIMOk");
    assert_true(sasl_is_satisfied(s));
    expect_step(s, "", NULL);
    sasl_free(&s);
}

/* ---- tokens ---- */

static struct sasl *make_with(enum mechanism m, const char *name, const char *secret_text,
                              const char *host)
{
    struct err err;
    struct secret *secret = secret_new(slice_of(secret_text));
    struct sasl *s = sasl_new(
        m, &(struct sasl_login){.user = name, .secret = secret, .host = host, .port = 587}, &err);
    secret_free(&secret);
    return s;
}

static void expect_message(struct sasl *s, const char *challenge, const char *message)
{
    char *wanted = encoded(message);
    expect_step(s, challenge, wanted);
    free(wanted);
}

/* The example of Google's page on XOAUTH2, letter by letter. */
static void test_xoauth2(void **state)
{
    (void)state;
    struct sasl *s = make_with(MECHANISM_XOAUTH2, "someuser@example.com", token, NULL);
    assert_true(sasl_speaks_first(s));
    assert_false(sasl_is_satisfied(s));
    expect_step(s, "",
                "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSb"
                "GNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==");
    assert_true(sasl_is_satisfied(s));
    /* It was not read, and is asked for again, once. */
    expect_message(s, "",
                   "user=someuser@example.com\x01"
                   "auth=Bearer "
                   "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01");
    assert_true(sasl_is_satisfied(s));
    assert_string_equal(sasl_complaint(s), "");
    sasl_free(&s);
}

/* RFC 7628 section 4.1, with RFC 5801's escapes in the name. */
static void test_oauthbearer(void **state)
{
    (void)state;
    struct sasl *s = make_with(MECHANISM_OAUTHBEARER, "a,b=c@example.com", "tok", "mail.test");
    expect_message(s, "",
                   "n,a=a=2Cb=3Dc@example.com,\x01host=mail.test\x01port=587\x01"
                   "auth=Bearer tok\x01\x01");
    assert_true(sasl_is_satisfied(s));
    sasl_free(&s);
    s = make_with(MECHANISM_OAUTHBEARER, "u", "tok", NULL);
    expect_message(s, "",
                   "n,a=u,\x01"
                   "auth=Bearer tok\x01\x01");
    sasl_free(&s);
}

static void check_error_step(enum mechanism m, const char *answer)
{
    struct sasl *s = make_with(m, user, "tok", NULL);
    char *error = encoded("{\"status\":\"400\", \"schemes\" : \"Bearer\","
                          "\"scope\":\"https:\\/\\/mail.example.com\\/\"}");
    free(step(s, ""));
    expect_step(s, error, answer);
    /* whoever says yes now has not read what it said before */
    assert_false(sasl_is_satisfied(s));
    assert_string_equal(sasl_complaint(s),
                        "status 400, schemes Bearer, scope https://mail.example.com/");
    expect_step(s, error, NULL);
    free(error);
    sasl_free(&s);
}

static void test_token_refused(void **state)
{
    (void)state;
    check_error_step(MECHANISM_XOAUTH2, "");
    check_error_step(MECHANISM_OAUTHBEARER, "AQ==");
}

static void check_complaint(const char *challenge, const char *words)
{
    struct sasl *s = make_with(MECHANISM_XOAUTH2, user, "tok", NULL);
    free(step(s, ""));
    expect_step(s, challenge, "");
    assert_string_equal(sasl_complaint(s), words);
    sasl_free(&s);
}

/* Words that nothing depends on, in whatever form they come. */
static void test_complaints(void **state)
{
    static const char *const cases[][2] = {
        {"{\"status\":401,\"scope\":null}", "status 401, scope null"},
        {"{\"status\" : \"inv\\\"al\\u0001id\"", "status inv\"alu0001id"},
        {"{\"status\":\"", "status "},
        {"{\"status\":", "{\"status\":"},
        {"\"status\"", "\"status\""},
        {"no JSON\r\nat\x7f all\xff", "no JSON??at? all?"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *challenge = encoded(cases[i][0]);
        check_complaint(challenge, cases[i][1]);
        free(challenge);
    }
    check_complaint("?not base64?", "?not base64?");
    check_complaint("{\"status\":\"400\"}", "status 400");
    char *longest = mem_alloc(3001);
    memset(longest, 'x', 3000);
    longest[3000] = '\0';
    struct sasl *s = make_with(MECHANISM_XOAUTH2, user, "tok", NULL);
    free(step(s, ""));
    expect_step(s, longest, "");
    assert_int_equal(strlen(sasl_complaint(s)), CAP_TOKEN_COMPLAINT - 1);
    sasl_free(&s);
    free(longest);
}

static void test_what_no_token_is(void **state)
{
    static const enum mechanism mechanisms[] = {MECHANISM_XOAUTH2, MECHANISM_OAUTHBEARER};
    char *longest = mem_alloc(CAP_TOKEN + 2);
    (void)state;
    memset(longest, 'x', CAP_TOKEN + 1);
    longest[CAP_TOKEN + 1] = '\0';
    for (size_t i = 0; i < 2; i++) {
        assert_null(make_with(mechanisms[i], user, "", NULL));
        assert_null(make_with(mechanisms[i], user, "a b", NULL));
        assert_null(make_with(mechanisms[i], user,
                              "a\x01"
                              "auth=Bearer b",
                              NULL));
        assert_null(make_with(mechanisms[i], user, "caf\xc3\xa9", NULL));
        assert_null(make_with(mechanisms[i],
                              "u\x01"
                              "auth=Bearer x",
                              "tok", NULL));
        assert_null(make_with(mechanisms[i], user, longest, NULL));
        struct sasl *s = make_with(mechanisms[i], user, longest + 1, "mail.test");
        assert_non_null(s);
        char *response = step(s, "");
        assert_true(response && strlen(response) > CAP_AUTH_LINE);
        free(response);
        sasl_free(&s);
    }
    free(longest);
}

/* A forgotten step function is found here. */
static void test_every_mechanism_has_a_step(void **state)
{
    (void)state;
    for (int i = 0; i < MECHANISM_COUNT; i++) {
        enum mechanism m = (enum mechanism)i;
        struct sasl *s = make(m);
        char *challenge = sasl_speaks_first(s) ? encoded("") : encoded("<1@server>");
        char *response = step(s, challenge);
        assert_non_null(response);
        assert_true(response[0]);
        free(challenge);
        free(response);
        sasl_free(&s);
    }
}

static void test_password_with_nul(void **state)
{
    (void)state;
    struct err err;
    struct secret *secret = secret_new(slice_make("a\0b", 3));
    assert_null(
        sasl_new(MECHANISM_PLAIN, &(struct sasl_login){.user = user, .secret = secret}, &err));
    secret_free(&secret);
}

static void test_what_scram_cannot_carry(void **state)
{
    static const char *const odd[] = {"ses\xe9me", "a\tb", "x\xcd\xb8y" /* U+0378, unassigned */};
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct err err;
        struct secret *secret = secret_new(slice_of(odd[i]));
        assert_null(sasl_new(MECHANISM_SCRAM_SHA_256,
                             &(struct sasl_login){.user = user, .secret = secret}, &err));
        assert_int_equal(err.kind, ERR_INVALID);
        struct sasl *plain =
            sasl_new(MECHANISM_PLAIN, &(struct sasl_login){.user = user, .secret = secret}, &err);
        assert_non_null(plain);
        sasl_free(&plain);
        secret_free(&secret);
    }
}

/* ---- a server that knows SCRAM ---- */

struct smtp_server {
    Gsasl *library;
    Gsasl_session *session;
};

static int answer_server(Gsasl *library, Gsasl_session *session, Gsasl_property property)
{
    (void)library;
    if (property != GSASL_PASSWORD)
        return GSASL_NO_CALLBACK;
    return gsasl_property_set(session, GSASL_PASSWORD, password);
}

static void server_begin(struct smtp_server *v, const char *iterations)
{
    assert_int_equal(gsasl_init(&v->library), GSASL_OK);
    gsasl_callback_set(v->library, answer_server);
    assert_int_equal(gsasl_server_start(v->library, "SCRAM-SHA-256", &v->session), GSASL_OK);
    assert_int_equal(gsasl_property_set(v->session, GSASL_SCRAM_ITER, iterations), GSASL_OK);
}

static void smtp_server_end(struct smtp_server *v)
{
    gsasl_finish(v->session);
    gsasl_done(v->library);
}

/* Both in base64; gives the challenge. */
static char *smtp_server_step(struct smtp_server *v, const char *response)
{
    char *out = NULL;
    int rc = gsasl_step64(v->session, response, &out);
    assert_true(rc == GSASL_OK || rc == GSASL_NEEDS_MORE);
    char *copy = mem_string(out);
    gsasl_free(out);
    return copy;
}

/* Up to the server's last word; gives that. */
static char *until_proof(struct sasl *s, struct smtp_server *v)
{
    char *first = step(s, ""), *challenge = smtp_server_step(v, first);
    assert_true(sasl_next_is_slow(s));
    char *final = step(s, challenge);
    assert_non_null(final);
    assert_false(sasl_is_satisfied(s));
    char *proof = smtp_server_step(v, final);
    free(first);
    free(challenge);
    free(final);
    return proof;
}

static void test_scram(void **state)
{
    (void)state;
    struct smtp_server v;
    struct sasl *s = make(MECHANISM_SCRAM_SHA_256);
    assert_true(sasl_speaks_first(s));
    server_begin(&v, "4096");
    char *proof = until_proof(s, &v);
    expect_step(s, proof, "");
    assert_true(sasl_is_satisfied(s));
    expect_step(s, proof, NULL);
    free(proof);
    smtp_server_end(&v);
    sasl_free(&s);
}

static void test_scram_initial_response_not_read(void **state)
{
    (void)state;
    struct smtp_server v;
    struct sasl *s = make(MECHANISM_SCRAM_SHA_256);
    server_begin(&v, "4096");
    char *first = step(s, "");
    expect_step(s, "", first);
    char *challenge = smtp_server_step(&v, first), *final = step(s, challenge),
         *proof = smtp_server_step(&v, final);
    expect_step(s, proof, "");
    assert_true(sasl_is_satisfied(s));
    free(first);
    free(challenge);
    free(final);
    free(proof);
    smtp_server_end(&v);
    sasl_free(&s);
    s = make(MECHANISM_SCRAM_SHA_256);
    free(step(s, ""));
    free(step(s, ""));
    /* once */
    expect_step(s, "", NULL);
    sasl_free(&s);
}

static void test_scram_forged_proof(void **state)
{
    (void)state;
    struct smtp_server v;
    struct sasl *s = make(MECHANISM_SCRAM_SHA_256);
    server_begin(&v, "4096");
    char *proof = until_proof(s, &v),
         *forged = encoded("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    expect_step(s, forged, NULL);
    assert_false(sasl_is_satisfied(s));
    free(forged);
    free(proof);
    smtp_server_end(&v);
    sasl_free(&s);
}

static void test_scram_error_instead_of_proof(void **state)
{
    (void)state;
    struct smtp_server v;
    struct sasl *s = make(MECHANISM_SCRAM_SHA_256);
    server_begin(&v, "4096");
    char *proof = until_proof(s, &v), *error = encoded("e=invalid-proof");
    /* an empty line lets the server say its 535 */
    expect_step(s, error, "");
    assert_false(sasl_is_satisfied(s));
    /* too late */
    expect_step(s, proof, NULL);
    assert_false(sasl_is_satisfied(s));
    free(error);
    free(proof);
    smtp_server_end(&v);
    sasl_free(&s);
}

/* The client's nonce with an ending of the server's, as an honest server would, and then this. */
static void expect_challenge_refused(const char *rest)
{
    struct sasl *s = make(MECHANISM_SCRAM_SHA_256);
    char *first = step(s, ""), text[400];
    struct buf clear;
    buf_init(&clear, CAP_AUTH_LINE);
    assert_true(base64_decode(slice_of(first), &clear) && buf_append(&clear, "", 1));
    const char *nonce = strstr(buf_view(&clear).data, "r=");
    snprintf(text, sizeof text, rest, nonce);
    char *challenge = encoded(text);
    expect_step(s, challenge, NULL);
    free(challenge);
    buf_free(&clear);
    free(first);
    sasl_free(&s);
}

static void test_scram_bad_challenges(void **state)
{
    (void)state;
    expect_challenge_refused("%sserver,s=QSXCR+Q6sek8bf92,i=4095");
    expect_challenge_refused("%sserver,s=QSXCR+Q6sek8bf92,i=1000001");
    expect_challenge_refused("%sserver,s=QSXCR+Q6sek8bf92,i=99999999999999999999999999");
    expect_challenge_refused("%sserver,s=QSXCR+Q6sek8bf92,i=-1");
    expect_challenge_refused("%sserver,s=QSXCR+Q6sek8bf92");
    expect_challenge_refused("%sserver,s=QSXCR+Q6sek8bf92,i=");
    /* not our nonce */
    expect_challenge_refused("r=another,s=QSXCR+Q6sek8bf92,i=4096%.0s");
    expect_challenge_refused("nonsense%.0s");
}

/* ---- the same over a whole session ---- */

static void no_call(struct world *w, const char *what)
{
    (void)w;
    fail_msg("%s", what);
}

static char *heard(struct world *w)
{
    char *line = NULL;
    /* a helper thread takes its time */
    for (int i = 0; i < 10 && !line; i++) {
        world_run(w);
        line = world_take_line(&w->heard, "\r\n");
    }
    assert_non_null(line);
    return line;
}

static void expect_event(struct world *w, const char *text)
{
    world_run(w);
    char *event = world_take_line(&w->events, "\n");
    assert_non_null(event);
    assert_string_equal(event, text);
    free(event);
}

static void say_challenge(struct world *w, const char *base64)
{
    char line[1000];
    snprintf(line, sizeof line, "334 %s", base64);
    world_say_line(w, line);
}

static void begin_session(struct world *w)
{
    world_begin(w, no_call);
    w->settings.auth = AUTH_AUTO;
    w->settings.needs_verified = false;
    world_connect(w);
    world_say_line(w, "220 hi");
    free(heard(w));
    world_say_line(w, "250-up\r\n250 AUTH LOGIN PLAIN SCRAM-SHA-256");
    expect_event(w, "auth_wanted");
    struct secret *secret = secret_new(slice_of(password));
    smtp_client_auth(w->client, &(struct smtp_client_credential){user, secret});
    secret_free(&secret);
}

/* Up to the point where the server has said its proof, or a forged one. */
static void play_scram(struct world *w, struct smtp_server *v, const char *forged)
{
    server_begin(v, "4096");
    char *line = heard(w);
    assert_memory_equal(line, "AUTH SCRAM-SHA-256 ", 19);
    char *challenge = smtp_server_step(v, line + 19);
    say_challenge(w, challenge);
    char *final = heard(w), *proof = smtp_server_step(v, final);
    say_challenge(w, forged ? forged : proof);
    free(line);
    free(challenge);
    free(final);
    free(proof);
}

static void test_session_scram(void **state)
{
    (void)state;
    struct world w;
    struct smtp_server v;
    begin_session(&w);
    play_scram(&w, &v, NULL);
    char *empty = heard(&w);
    assert_string_equal(empty, "");
    free(empty);
    world_say_line(&w, "235 2.7.0 ok");
    expect_event(&w, "ready");
    assert_string_equal(smtp_client_mechanism(w.client), "SCRAM-SHA-256");
    assert_true(smtp_client_used_auth_command(w.client));
    smtp_server_end(&v);
    assert_int_equal(world_end(&w), 0);
}

static void test_session_scram_forged(void **state)
{
    (void)state;
    struct world w;
    struct smtp_server v;
    char *forged = encoded("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    begin_session(&w);
    play_scram(&w, &v, forged);
    expect_event(&w, "lost auth protocol");
    free(forged);
    smtp_server_end(&v);
    assert_int_equal(world_end(&w), 0);
}

/* A server that doesn't know the password and simply says yes. */
static void test_session_scram_yes_without_proof(void **state)
{
    (void)state;
    struct world w;
    struct smtp_server v;
    begin_session(&w);
    server_begin(&v, "4096");
    char *line = heard(&w), *challenge = smtp_server_step(&v, line + 19);
    say_challenge(&w, challenge);
    char *final = heard(&w);
    world_say_line(&w, "235 2.7.0 welcome");
    expect_event(&w, "lost auth protocol 235 2.7.0 welcome");
    free(line);
    free(challenge);
    free(final);
    smtp_server_end(&v);
    assert_int_equal(world_end(&w), 0);
}

/* The owner closes while a helper thread derives the key: the job outlives the session and cleans
 * up after itself. */
static void test_session_closed_while_deriving(void **state)
{
    (void)state;
    struct world w;
    struct smtp_server v;
    begin_session(&w);
    server_begin(&v, "4096");
    char *line = heard(&w), *challenge = smtp_server_step(&v, line + 19), text[1000];
    struct err err;
    int n = snprintf(text, sizeof text, "334 %s\r\n", challenge);
    assert_true(sim_end_write(w.end, text, (size_t)n, &err) == n);
    while (w.client && smtp_client_stage(w.client) == SMTP_CLIENT_AUTH &&
           sim_living(w.sim).jobs == 0)
        sim_run_for(w.sim, 10);
    assert_int_equal(sim_living(w.sim).jobs, 1);
    smtp_client_close(&w.client);
    free(line);
    free(challenge);
    smtp_server_end(&v);
    assert_int_equal(world_end(&w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xoauth2),
        cmocka_unit_test(test_oauthbearer),
        cmocka_unit_test(test_token_refused),
        cmocka_unit_test(test_complaints),
        cmocka_unit_test(test_what_no_token_is),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_every_mechanism_has_a_step),
        cmocka_unit_test(test_password_with_nul),
        cmocka_unit_test(test_what_scram_cannot_carry),
        cmocka_unit_test(test_scram),
        cmocka_unit_test(test_scram_initial_response_not_read),
        cmocka_unit_test(test_scram_forged_proof),
        cmocka_unit_test(test_scram_error_instead_of_proof),
        cmocka_unit_test(test_scram_bad_challenges),
        cmocka_unit_test(test_session_scram),
        cmocka_unit_test(test_session_scram_forged),
        cmocka_unit_test(test_session_scram_yes_without_proof),
        cmocka_unit_test(test_session_closed_while_deriving),
    };
    return cmocka_run_group_tests_name("smtp client sasl", tests, NULL, NULL);
}
