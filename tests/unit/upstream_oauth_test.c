/* Accounts that log in by tokens which a service gives: when it is asked, what is tried meanwhile,
 * and what each of both refusals does. */
#include "upstream_world.h"

#include "oauth/token.h"
#include "sim/sim_http.h"
#include "upstream/contexts.h"
#include "upstream/finding.h"

#define MINUTE (60 * S)
#define ACCOUNT(more)                                                                              \
    "host = " HOST "\nusername = user\noauth_client_id = app\noauth_scope = s\n"                   \
    "oauth_token_url = https://login.test/token\n" more
#define APP "[upstream]\n" ACCOUNT("oauth_client_secret = hush\nports = 587 2525\n")
#define PERSON "[upstream]\n" ACCOUNT("ports = 587\n")
#define TOKEN_FILE "/state/default.token"

struct service {
    /* what it says; status 0: what `gives` names, with a number where it counts */
    struct sim_http_reply reply;
    const char *gives;
    bool counts, rotates;
    unsigned asked;
    usec at[2000];
    struct sim *sim;
    char body[400];
};

static struct sim_http_reply serve(void *ctx, struct slice body)
{
    struct service *v = ctx;
    struct sim_http_reply reply = v->reply;
    (void)body;
    assert_true(v->asked < sizeof v->at / sizeof *v->at);
    v->at[v->asked++] = sim_now(v->sim);
    if (reply.status)
        return reply;
    char number[16] = "", refresh[60] = "";
    if (v->counts)
        snprintf(number, sizeof number, "%u", v->asked);
    if (v->rotates)
        snprintf(refresh, sizeof refresh, ", \"refresh_token\": \"r%u\"", v->asked);
    snprintf(v->body, sizeof v->body,
             "{\"access_token\": \"%s%s\", \"expires_in\": 3600, \"token_type\": \"Bearer\"%s}",
             v->gives, number, refresh);
    reply.status = 200;
    reply.body = v->body;
    return reply;
}

static void begin(struct world *w, struct service *v)
{
    struct err err = {0};
    world_begin(w);
    *v = (struct service){.gives = "right", .sim = w->sim};
    struct io *io = sim_io(w->sim);
    oauth_prepare();
    io->http = http_new(io->loop, &err);
    io->oauth = oauth_new(io, io->http);
    sim_http_serve(w->sim, serve, v);
    sim_file(w->sim, TOKEN_FILE, "r0\n");
    world_server(w, AT587)->mechanisms = "PLAIN XOAUTH2";
    world_server(w, ADDRESS ":2525")->mechanisms = "XOAUTH2";
}

static void end(struct world *w)
{
    struct io *io = sim_io(w->sim);
    accounts_free(&w->accounts);
    sim_run_for(w->sim, 20 * S);
    oauth_free(&io->oauth);
    http_free(&io->http);
    world_end(w);
}

static void ask_as(struct wish *x, struct world *w, const char *identity)
{
    *x = (struct wish){.w = w, .asked = sim_now(w->sim)};
    x->lease = account_acquire(world_account(w), &(struct lease_wish){.identity = identity},
                               &wish_events, x);
    wish_wait(x);
}

/* Asks for a session and gives it back. */
static void send_one(struct world *w, const char *identity)
{
    struct wish x;
    ask_as(&x, w, identity);
    if (!x.acquired)
        fail_msg("refused: %s", x.words);
    wish_return(&x);
}

static void assert_no_token(struct world *w, const char *words)
{
    struct wish x;
    ask_as(&x, w, NULL);
    assert_true(x.refused);
    assert_int_equal(x.why, REFUSAL_TOKEN);
    if (!strstr(x.words, words))
        fail_msg("wanted \"%s\", got \"%s\"", words, x.words);
}

static void a_token_is_fetched_once_and_kept(void **state)
{
    struct world w;
    struct service v;
    (void)state;
    begin(&w, &v);
    world_load(&w, APP);
    assert_int_equal(v.asked, 0);
    for (int i = 0; i < 20; i++) {
        send_one(&w, NULL);
        sim_run_for(w.sim, 40 * S);
    }
    assert_int_equal(v.asked, 1);
    assert_true(logins_at(&w, 0) > 10);
    struct token_view view;
    assert_true(account_token(world_account(&w), &view));
    assert_int_equal(view.flow, TOKEN_APPLICATION);
    assert_int_equal(view.requests[TOKEN_GIVEN], 1);
    assert_true(view.expires_in > 40 * MINUTE && view.expires_in < 50 * MINUTE);
    /* ahead of its end, because it is in use */
    sim_run_for(w.sim, 45 * MINUTE);
    assert_int_equal(v.asked, 2);
    end(&w);
}

/* With `auto`, too: a server that knows no mechanism for tokens gets none. */
static void a_token_is_never_said_as_a_password(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    sim_upstream_script(w.up[0])->mechanisms = "PLAIN LOGIN CRAM-MD5";
    world_load(&w, PERSON);
    ask_as(&x, &w, NULL);
    assert_true(x.refused);
    assert_int_equal(report_of(&w, 587)->finding, FINDING_AUTH_UNAVAILABLE);
    assert_int_equal(logins_at(&w, 0), 0);
    end(&w);
}

/* The request goes out when the dial begins, not when AUTH is reached. */
static void it_is_fetched_beside_the_connection(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    v.reply.delay = 3 * S;
    world_load(&w, APP);
    ask_as(&x, &w, NULL);
    assert_true(x.acquired);
    /* but for the helper that reads files */
    assert_true(v.at[0] - x.asked < 10 * MS);
    assert_int_equal(v.asked, 1);
    wish_return(&x);
    end(&w);
}

static void no_login_without_a_token(void **state)
{
    struct world w;
    struct service v;
    (void)state;
    begin(&w, &v);
    v.reply = (struct sim_http_reply){
        .status = 401,
        .body = "{\"error\": \"invalid_client\", \"error_description\": \"AADSTS7000222: x\", "
                "\"error_codes\": [7000222]}"};
    world_load(&w, APP);
    assert_no_token(&w, "the client secret has expired");
    assert_int_equal(logins_at(&w, 0), 0);
    assert_int_equal(report_of(&w, 587)->finding, FINDING_TOKEN);
    assert_non_null(strstr(report_of(&w, 587)->words,
                           "587 got as far as the login, and there is no access token: the client "
                           "secret has expired"));
    assert_int_equal(report_of(&w, 2525)->finding, FINDING_UNTRIED);
    assert_int_equal(account_standing(world_account(&w)), STANDING_NO_TOKEN);
    /* During the wait each is answered at once, and nothing is asked for. */
    for (int i = 0; i < 20; i++) {
        usec before = sim_now(w.sim);
        assert_no_token(&w, "the client secret has expired");
        assert_int_equal(sim_now(w.sim), before);
    }
    assert_int_equal(v.asked, 1);
    v.reply.status = 0;
    sim_run_for(w.sim, 6 * MINUTE);
    send_one(&w, NULL);
    assert_int_equal(account_standing(world_account(&w)), STANDING_WORKS);
    end(&w);
}

static void a_wait_that_was_asked_for_is_kept(void **state)
{
    struct world w;
    struct service v;
    (void)state;
    begin(&w, &v);
    v.reply = (struct sim_http_reply){.status = 429, .body = "", .retry_after = 120};
    world_load(&w, APP);
    assert_no_token(&w, "asked too often");
    v.reply.status = 0;
    sim_run_for(w.sim, 110 * S);
    assert_no_token(&w, "asked too often");
    assert_int_equal(v.asked, 1);
    sim_run_for(w.sim, 20 * S);
    send_one(&w, NULL);
    end(&w);
}

static void a_reload_ends_the_wait(void **state)
{
    struct world w;
    struct service v;
    struct err err = {0};
    (void)state;
    begin(&w, &v);
    v.reply = (struct sim_http_reply){.status = 429, .body = "", .retry_after = 1200};
    world_load(&w, APP);
    assert_no_token(&w, "asked too often");
    v.reply.status = 0;
    struct config *config = sim_config(APP);
    struct contexts *contexts = contexts_new(config);
    w.accounts = accounts_reload(&w.accounts, config, contexts, &err);
    config_unref(&config);
    assert_non_null(w.accounts);
    send_one(&w, NULL);
    assert_int_equal(v.asked, 2);
    end(&w);
}

/* What AUTH refuses is fetched anew once, with one more AUTH. */
static void a_refused_token_is_fetched_anew(void **state)
{
    struct world w;
    struct service v;
    (void)state;
    begin(&w, &v);
    v.gives = "wrong";
    v.counts = true;
    world_load(&w, APP);
    struct wish x;
    ask_as(&x, &w, NULL);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    assert_int_equal(logins_at(&w, 0), 2);
    assert_int_equal(v.asked, 2);
    assert_int_equal(account_standing(world_account(&w)), STANDING_AUTH_REFUSED);
    /* it rests as a refused password does */
    ask_as(&x, &w, NULL);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    assert_int_equal(v.asked, 2);
    v.gives = "right";
    v.counts = false;
    sim_run_for(w.sim, 5 * MINUTE + S);
    send_one(&w, NULL);
    end(&w);
}

static void what_was_revoked_is_replaced_unseen(void **state)
{
    struct world w;
    struct service v;
    (void)state;
    begin(&w, &v);
    world_load(&w, APP);
    send_one(&w, NULL);
    sim_run_for(w.sim, 10 * MINUTE);
    sim_upstream_script(w.up[0])->password = "other";
    v.gives = "other";
    send_one(&w, NULL);
    assert_int_equal(v.asked, 2);
    assert_int_equal(logins_at(&w, 0), 3);
    end(&w);
}

/* The service has no time for the one more: its own wait counts, then comes the one more AUTH. */
static void refused_while_the_service_is_busy(void **state)
{
    struct world w;
    struct service v;
    (void)state;
    begin(&w, &v);
    world_load(&w, APP);
    send_one(&w, NULL);
    sim_run_for(w.sim, 10 * MINUTE);
    sim_upstream_script(w.up[0])->password = "other";
    v.gives = "other";
    v.reply = (struct sim_http_reply){.status = 429, .body = "", .retry_after = 60};
    assert_no_token(&w, "asked too often");
    v.reply.status = 0;
    sim_run_for(w.sim, 61 * S);
    send_one(&w, NULL);
    assert_int_equal(v.asked, 3);
    end(&w);
}

static void a_rotated_token_is_on_the_disk_first(void **state)
{
    struct world w;
    struct service v;
    (void)state;
    begin(&w, &v);
    v.rotates = true;
    world_load(&w, PERSON);
    send_one(&w, NULL);
    assert_string_equal(sim_file_text(w.sim, TOKEN_FILE), "r1");
    assert_int_equal(v.asked, 1);
    end(&w);
}

/* One sender's refusal is not the others', nor the account's. */
static void each_sender_has_a_standing(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    (void)state;
    begin(&w, &v);
    /* who logs in as `user` is let in, anybody else is not */
    world_load(&w, "[upstream]\n" ACCOUNT("oauth_client_secret = hush\nidentity = sender\n"
                                          "ports = 587\n"));
    send_one(&w, "user");
    ask_as(&x, &w, "stranger");
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    /* the token is good: another sender was let in with it a moment ago */
    assert_int_equal(v.asked, 1);
    assert_int_equal(account_standing(world_account(&w)), STANDING_WORKS);
    for (int i = 0; i < 5; i++) {
        send_one(&w, "user");
        ask_as(&x, &w, "stranger");
        assert_int_equal(x.why, REFUSAL_CREDENTIALS);
        sim_run_for(w.sim, 40 * S);
    }
    unsigned strangers = 0;
    for (size_t i = 0; i < w.ledger->nlogins; i++)
        strangers += strcmp(w.ledger->logins[i].user, "stranger") == 0;
    assert_int_equal(strangers, 1);
    end(&w);
}

/* Made-up senders do not hammer the upstream one after the other. */
static void many_refused_senders_rest_the_account(void **state)
{
    struct world w;
    struct service v;
    struct wish x;
    char name[20];
    (void)state;
    begin(&w, &v);
    world_load(&w, "[upstream]\n" ACCOUNT("oauth_client_secret = hush\nidentity = sender\n"
                                          "ports = 587\n"));
    send_one(&w, "user");
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "stranger%d", i);
        ask_as(&x, &w, name);
        assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    }
    assert_int_equal(logins_at(&w, 0), 1 + 3);
    end(&w);
}

enum { MANY = 100 };

/* A hundred grants that began together do not renew together. */
static void many_accounts_renew_without_a_burst(void **state)
{
    static char ini[MANY * 400];
    struct world w;
    struct service v;
    struct wish x[MANY];
    size_t len = 0;
    (void)state;
    begin(&w, &v);
    for (int i = 0; i < MANY; i++)
        len += (size_t)snprintf(ini + len, sizeof ini - len,
                                "[upstream a%d]\nsenders = a%d@x\nports = 587\n" ACCOUNT(
                                    "oauth_client_secret = hush%d\n"),
                                i, i, i);
    world_load(&w, ini);
    for (int i = 0; i < MANY; i++) {
        x[i] = (struct wish){.w = &w};
        x[i].lease = account_acquire(accounts_at(w.accounts, (size_t)i), &(struct lease_wish){0},
                                     &wish_events, &x[i]);
    }
    sim_run_for(w.sim, 20 * S);
    for (int i = 0; i < MANY; i++)
        wish_return(&x[i]);
    assert_int_equal(v.asked, MANY);
    sim_run_for(w.sim, 55 * MINUTE);
    assert_int_equal(v.asked, 2 * MANY);
    unsigned most = 0;
    for (unsigned i = MANY; i < v.asked; i++) {
        unsigned n = 0;
        for (unsigned k = MANY; k < v.asked; k++)
            n += v.at[k] >= v.at[i] && v.at[k] < v.at[i] + 10 * S;
        most = n > most ? n : most;
    }
    print_message("at most %u of %d renewals within 10 s\n", most, MANY);
    assert_true(most <= MANY / 4);
    end(&w);
}

/* Its service is dead: nobody else's mail notices. */
static void a_dead_service_holds_up_its_own_account_only(void **state)
{
    struct world w;
    struct service v;
    struct wish own, other;
    (void)state;
    begin(&w, &v);
    v.reply = (struct sim_http_reply){.status = 200, .body = "", .delay = 60 * S};
    world_load(&w, APP "[upstream other]\nhost = " HOST
                       "\nports = 587\nusername = user\npassword = right\n");
    own = (struct wish){.w = &w, .asked = sim_now(w.sim)};
    own.lease = account_acquire(world_account(&w), &(struct lease_wish){0}, &wish_events, &own);
    other = (struct wish){.w = &w, .asked = sim_now(w.sim)};
    other.lease =
        account_acquire(accounts_at(w.accounts, 1), &(struct lease_wish){0}, &wish_events, &other);
    assert_true(wish_wait(&other) < S);
    assert_true(other.acquired);
    wish_return(&other);
    wish_wait(&own);
    assert_int_equal(own.why, REFUSAL_TOKEN);
    assert_true(own.answered - own.asked <= 25 * S);
    end(&w);
}

static void what_a_command_prints_is_asked_for_again(void **state)
{
    struct world w;
    struct service v;
    (void)state;
    begin(&w, &v);
    sim_program(w.sim, "token", "right", 100 * MS);
    world_load(&w, "[upstream]\nhost = " HOST
                   "\nusername = user\nauth = xoauth2\npassword_command = token\nports = 587\n");
    for (int i = 0; i < 44; i++) {
        send_one(&w, NULL);
        sim_run_for(w.sim, MINUTE);
    }
    assert_int_equal(sim_program_runs(w.sim, "token"), 1);
    sim_run_for(w.sim, 2 * MINUTE);
    send_one(&w, NULL);
    assert_int_equal(sim_program_runs(w.sim, "token"), 2);
    assert_int_equal(v.asked, 0);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_fetched_once_and_kept),
        cmocka_unit_test(a_token_is_never_said_as_a_password),
        cmocka_unit_test(it_is_fetched_beside_the_connection),
        cmocka_unit_test(no_login_without_a_token),
        cmocka_unit_test(a_wait_that_was_asked_for_is_kept),
        cmocka_unit_test(a_reload_ends_the_wait),
        cmocka_unit_test(a_refused_token_is_fetched_anew),
        cmocka_unit_test(what_was_revoked_is_replaced_unseen),
        cmocka_unit_test(refused_while_the_service_is_busy),
        cmocka_unit_test(a_rotated_token_is_on_the_disk_first),
        cmocka_unit_test(each_sender_has_a_standing),
        cmocka_unit_test(many_refused_senders_rest_the_account),
        cmocka_unit_test(many_accounts_renew_without_a_burst),
        cmocka_unit_test(a_dead_service_holds_up_its_own_account_only),
        cmocka_unit_test(what_a_command_prints_is_asked_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
