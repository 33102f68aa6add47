/* What the rung `443/api` logs in with: a token of its own audience beside that of SMTP, or a key.
 * A refusal here is no refusal there. */
#include "upstream_api_world.h"

#define PERSON                                                                                     \
    "[upstream]\nhost = " HOST "\nusername = user\noauth_client_id = app\noauth_scope = smtp\n"    \
    "oauth_token_url = https://login.test/token\nports = 587\n"
#define PASSWORD "[upstream]\nhost = " HOST "\nusername = user\npassword = right\nports = 587\n"

/* Gives a token that is named as the scope, and a refresh token that counts. */
struct service {
    unsigned asked;
    char bodies[8][400], answer[200];
};

static struct sim_http_reply serve(void *ctx, struct slice body)
{
    struct service *v = ctx;
    assert_true(v->asked < 8);
    snprintf(v->bodies[v->asked++], sizeof v->bodies[0], "%.*s", (int)body.len, body.data);
    const char *scope = strstr(v->bodies[v->asked - 1], "scope=");
    snprintf(v->answer, sizeof v->answer,
             "{\"access_token\": \"of-%.20s\", \"expires_in\": 3600, \"refresh_token\": \"r%u\"}",
             scope ? scope + 6 : "none", v->asked % 10);
    return (struct sim_http_reply){.status = 200, .body = v->answer};
}

struct answer {
    struct credential_request request;
    char secret[60], why[320];
    bool come;
};

static void on_answer(void *ctx, const struct secret *secret, const struct err *err)
{
    struct answer *a = ctx;
    a->come = true;
    if (secret)
        snprintf(a->secret, sizeof a->secret, "%.*s", (int)secret_reveal(secret).len,
                 secret_reveal(secret).data);
    else
        snprintf(a->why, sizeof a->why, "%s", err->words);
}

static bool has_come(void *ctx)
{
    return ((struct answer *)ctx)->come;
}

static void ask(struct world *w, struct credential *c, struct answer *a)
{
    *a = (struct answer){.come = false};
    credential_request_init(&a->request);
    credential_ask(c, &a->request, on_answer, a);
    assert_true(sim_run_until(w->sim, has_come, a, 30 * S));
}

static void two_tokens_come_of_one_refresh_token(void **state)
{
    struct world w;
    struct service v = {0};
    struct answer a, b;
    (void)state;
    world_begin(&w);
    api_begin(&w, serve, NULL, &v);
    struct config *config = api_config(PERSON, API_GRAPH, "graph");
    struct api_account *api =
        api_account_new(sim_io(w.sim), &config->upstreams[0], &config->server.aliases);
    struct credential *smtp = credential_new(sim_io(w.sim), &config->upstreams[0], NULL);
    assert_string_equal(api->host, "graph.microsoft.com");
    ask(&w, api->credential, &a);
    assert_string_equal(a.secret, "of-graph");
    assert_non_null(strstr(v.bodies[0], "refresh_token=r0"));
    ask(&w, smtp, &b);
    assert_string_equal(b.secret, "of-smtp");
    /* The first answer had another one, which was written before this was asked. */
    assert_non_null(strstr(v.bodies[1], "refresh_token=r1"));
    assert_string_equal(sim_file_text(w.sim, TOKEN_FILE), "r2");
    /* Both live on. */
    ask(&w, api->credential, &a);
    ask(&w, smtp, &b);
    assert_int_equal(v.asked, 2);
    assert_string_equal(a.secret, "of-graph");
    assert_string_equal(b.secret, "of-smtp");
    credential_free(&smtp);
    api_account_free(&api);
    config_unref(&config);
    api_load(&w, sim_config(PERSON));
    api_end(&w);
}

/* Where one audience is refused the other goes on, in both directions. */
static void a_refusal_rests_one_of_them(void **state)
{
    struct world w;
    struct service v = {0};
    (void)state;
    world_begin(&w);
    api_begin(&w, serve, NULL, &v);
    struct config *config = api_config(PERSON, API_GRAPH, "graph");
    struct api_account *api =
        api_account_new(sim_io(w.sim), &config->upstreams[0], &config->server.aliases);
    struct credential *smtp = credential_new(sim_io(w.sim), &config->upstreams[0], NULL);
    assert_false(api_account_rests(api, NULL));
    (void)logins_rest(api->logins, "user");
    assert_true(api_account_rests(api, "user"));
    assert_true(api_account_rests(api, NULL));
    assert_int_equal(credential_wait_left(smtp), 0);
    /* Nobody asks for another token: whoever was refused has done so. */
    sim_run_for(w.sim, S);
    assert_int_equal(v.asked, 0);
    sim_run_for(w.sim, 5 * MINUTE);
    assert_false(api_account_rests(api, "user"));
    (void)logins_rest(api->logins, "user");
    sim_run_for(w.sim, 9 * MINUTE);
    assert_true(api_account_rests(api, "user"));
    logins_accepted(api->logins, "user");
    assert_false(api_account_rests(api, "user"));
    credential_refused(smtp);
    assert_false(api_account_rests(api, "user"));
    credential_free(&smtp);
    api_account_free(&api);
    config_unref(&config);
    api_load(&w, sim_config(PERSON));
    api_end(&w);
}

static unsigned lines_with(const struct sim *sim, const char *words)
{
    unsigned n = 0;
    for (size_t i = 0; i < sim_log_count(sim); i++)
        n += strstr(sim_log_line(sim, i), words) != NULL;
    return n;
}

/* One client, two grants: nobody wants to read of its end twice. */
static void the_end_of_the_secret_is_told_once(void **state)
{
    struct world w;
    struct service v = {0};
    (void)state;
    world_begin(&w);
    api_begin(&w, serve, NULL, &v);
    struct config *config =
        api_config(PERSON "oauth_client_secret = hush\noauth_secret_expires = 2020-01-01\n",
                   API_GRAPH, "graph");
    api_load(&w, config);
    sim_run_for(w.sim, MINUTE);
    assert_int_equal(lines_with(w.sim, "the client secret of this account has ended"), 1);
    api_end(&w);
}

static void a_key_is_no_password_of_smtp(void **state)
{
    struct world w;
    struct service v = {0};
    struct answer a;
    (void)state;
    world_begin(&w);
    api_begin(&w, serve, NULL, &v);
    struct config *config = api_config(PASSWORD, API_MAILGUN, NULL);
    struct upstream_config *u = &config->upstreams[0];
    u->api_url = mem_string("https://[2001:db8::7]:8443/v3/mg.example.com");
    u->api_secret = secret_new(slice_of("key-1"));
    struct api_account *api = api_account_new(sim_io(w.sim), u, &config->server.aliases);
    struct credential *smtp = credential_new(sim_io(w.sim), u, NULL);
    assert_string_equal(api->host, "2001:db8::7");
    ask(&w, api->credential, &a);
    assert_string_equal(a.secret, "key-1");
    ask(&w, smtp, &a);
    assert_string_equal(a.secret, "right");
    /* A reload with another key ends the rest. */
    (void)logins_rest(api->logins, "user");
    assert_false(api_account_update(api, u, &config->server.aliases));
    assert_true(api_account_rests(api, "user"));
    secret_free(&u->api_secret);
    u->api_secret = secret_new(slice_of("key-2"));
    assert_true(api_account_update(api, u, &config->server.aliases));
    assert_false(api_account_rests(api, "user"));
    ask(&w, api->credential, &a);
    assert_string_equal(a.secret, "key-2");
    credential_free(&smtp);
    api_account_free(&api);
    free(u->api_url);
    u->api_url = NULL;
    config_unref(&config);
    api_load(&w, sim_config(PASSWORD));
    api_end(&w);
}

/* The account of before a reload still has messages under way: what the service asks of one is
 * asked of both, and it outlives the old one. Another user's is another account there. */
static void a_wait_outlives_a_reload(void **state)
{
    struct world w;
    struct service v = {0};
    (void)state;
    world_begin(&w);
    api_begin(&w, serve, NULL, &v);
    struct config *config = api_config(PERSON, API_GRAPH, "graph");
    struct upstream_config *u = &config->upstreams[0];
    struct api_account *before = api_account_new(sim_io(w.sim), u, &config->server.aliases);
    struct api_account *after = api_account_new(sim_io(w.sim), u, &config->server.aliases);
    char *user = u->username;
    u->username = "another";
    struct api_account *other = api_account_new(sim_io(w.sim), u, &config->server.aliases);
    u->username = user;
    api_desk_hold(before->desk, 10 * S);
    api_account_carry_over(after, before, true);
    api_account_carry_over(other, before, true);
    assert_int_equal(api_desk_wait(after->desk), 10 * S);
    api_desk_hold(before->desk, 30 * S);
    assert_int_equal(api_desk_wait(after->desk), 30 * S);
    assert_int_equal(api_desk_wait(other->desk), 0);
    api_account_free(&before);
    assert_int_equal(api_desk_wait(after->desk), 30 * S);
    api_account_free(&after);
    api_account_free(&other);
    config_unref(&config);
    api_load(&w, sim_config(PERSON));
    api_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_tokens_come_of_one_refresh_token),
        cmocka_unit_test(a_refusal_rests_one_of_them),
        cmocka_unit_test(the_end_of_the_secret_is_told_once),
        cmocka_unit_test(a_key_is_no_password_of_smtp),
        cmocka_unit_test(a_wait_outlives_a_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
