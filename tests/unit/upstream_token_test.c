/* Logins by token (auth = xoauth2, oauthbearer), against an upstream that checks them: what is
 * tried, what is not, and which words an admin gets. */
#include "upstream_world.h"

#include "upstream/finding.h"

#define TOKEN(mechanism, more)                                                                     \
    "[upstream]\nhost = " HOST "\nusername = user\npassword_command = token\nauth = " mechanism    \
    "\n" more

static struct sim_upstream_script *begin(struct world *w, const char *offered, const char *prints)
{
    world_begin(w);
    struct sim_upstream_script *s = world_server(w, AT587);
    s->mechanisms = offered;
    sim_program(w->sim, "token", prints, 100 * MS);
    return s;
}

static void check_login(const char *ini, const char *offered, size_t longest,
                        const char *long_reply)
{
    struct world w;
    struct wish x;
    struct sim_upstream_script *s = begin(&w, offered, "right");
    s->longest_initial = longest;
    s->long_reply = long_reply;
    world_load(&w, ini);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.acquired);
    assert_int_equal(logins_at(&w, 0), 1);
    wish_return(&x);
    world_end(&w);
}

static void a_token_logs_in(void **state)
{
    (void)state;
    check_login(TOKEN("xoauth2", ""), "LOGIN XOAUTH2", 0, NULL);
    check_login(TOKEN("oauthbearer", ""), "LOGIN XOAUTH2 OAUTHBEARER", 0, NULL);
}

static void what_is_too_long_goes_in_two_steps(void **state)
{
    (void)state;
    check_login(TOKEN("xoauth2", ""), "XOAUTH2", 10, NULL);
    check_login(TOKEN("oauthbearer", ""), "OAUTHBEARER", 10, "501 5.5.4 syntax error");
}

/* Fetched anew once, with one more AUTH if it differs; no other port hears of it. */
static void a_refused_token_is_fetched_anew(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, "XOAUTH2", "old");
    world_server(&w, ADDRESS ":2525")->mechanisms = "XOAUTH2";
    world_load(&w, TOKEN("xoauth2", ""));
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    assert_int_equal(logins_at(&w, 0), 1);
    assert_int_equal(logins_at(&w, 1), 0);
    assert_int_equal(sim_program_runs(w.sim, "token"), 2);
    sim_program(w.sim, "token", "right", 100 * MS);
    sim_run_for(w.sim, 301 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.acquired);
    wish_return(&x);
    world_end(&w);
}

static void log_in(struct world *w, unsigned runs)
{
    struct wish x;
    wish_ask(&x, w);
    wish_wait(&x);
    assert_true(x.acquired);
    wish_return(&x);
    assert_int_equal(sim_program_runs(w->sim, "token"), runs);
    /* the session ends */
    sim_run_for(w->sim, 60 * S);
}

/* An access token lasts an hour: a login with one that is about to end would be refused. */
static void a_token_is_asked_for_again_in_time(void **state)
{
    struct world w;
    (void)state;
    struct sim_upstream_script *s = begin(&w, "XOAUTH2", "right");
    world_load(&w, TOKEN("xoauth2", ""));
    log_in(&w, 1);
    sim_run_for(w.sim, 40 * 60 * S);
    log_in(&w, 1);
    sim_run_for(w.sim, 5 * 60 * S);
    sim_program(w.sim, "token", "new", 100 * MS);
    s->password = "new";
    log_in(&w, 2);
    /* if there is none, the old one may still do */
    sim_run_for(w.sim, 46 * 60 * S);
    sim_program(w.sim, "token", NULL, 100 * MS);
    log_in(&w, 3);
    for (size_t i = 0; i < w.ledger->nlogins; i++)
        assert_int_equal(w.ledger->logins[i].code, 235);
    world_end(&w);
}

static void a_token_is_no_password(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, "PLAIN LOGIN", "right");
    world_load(&w, TOKEN("xoauth2", ""));
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.refused);
    assert_int_equal(logins_at(&w, 0), 0);
    world_end(&w);
}

static void check_words(const char *prints, enum sim_token_error how, const char *reply,
                        const char *said)
{
    struct world w;
    struct wish x;
    struct sim_upstream_script *s = begin(&w, "XOAUTH2", prints);
    s->token_error = how;
    if (reply)
        s->faults[0] =
            (struct sim_fault_rule){.step = SIM_AT_AUTH, .fault = SIM_FAULT_REPLY, .text = reply};
    world_server(&w, ADDRESS ":2525")->mechanisms = "XOAUTH2";
    world_load(&w, TOKEN("xoauth2", ""));
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    assert_int_equal(logins_at(&w, 1), 0);
    const struct port_report *r = report_of(&w, 587);
    assert_int_equal(r->finding, FINDING_AUTH_REFUSED);
    if (!strstr(r->words, said))
        fail_msg("wanted \"%s\", got \"%s\"", said, r->words);
    world_end(&w);
}

/* With a token 501 says what 535 says, once the token was sent on a line of its own. */
static void the_words_name_the_cure(void **state)
{
    (void)state;
    check_words(
        "wrong", SIM_TOKEN_CHALLENGE, NULL,
        "refuses the access token (535 5.7.8 authentication failed), and says of it: status "
        "400, schemes Bearer, scope https://mail.example/: it is for another user than "
        "username, or for another scope; no other port is tried with it");
    check_words(
        "wrong", SIM_TOKEN_PLAIN_535, NULL,
        "refuses the access token (535 5.7.8 authentication failed): it is for another user");
    check_words("right", SIM_TOKEN_CHALLENGE, "501 5.5.4 syntax\r\n",
                "refuses the access token (501 5.5.4 syntax)");
    check_words("right", SIM_TOKEN_CHALLENGE, "501 5.5.127 old\r\n", "the access token is too old");
    check_words("right", SIM_TOKEN_CHALLENGE, "501 5.5.124 other\r\n",
                "the token belongs to another account");
    check_words("right", SIM_TOKEN_CHALLENGE, "535 5.7.3 Authentication unsuccessful\r\n",
                "object id of the Enterprise application");
    check_words("right", SIM_TOKEN_CHALLENGE,
                "535 5.7.139 SmtpClientAuthentication is disabled\r\n",
                "Set-CASMailbox -SmtpClientAuthenticationDisabled $false");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_logs_in),
        cmocka_unit_test(what_is_too_long_goes_in_two_steps),
        cmocka_unit_test(a_refused_token_is_fetched_anew),
        cmocka_unit_test(a_token_is_asked_for_again_in_time),
        cmocka_unit_test(a_token_is_no_password),
        cmocka_unit_test(the_words_name_the_cure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
