/* SCRAM of the client half against libgsasl's own server side, alone and over a whole session. */
#include "smtp_sasl_steps.h"

#include <gsasl.h>

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
    return cmocka_run_group_tests_name("smtp client scram", tests, NULL, NULL);
}
