/* password_command: when it runs, who waits for it, and what a refused or failed one leads to. In
 * the simulated world programs are a table. */
#include "upstream/contexts.h"
#include "upstream_world.h"

#define COMMAND                                                                                    \
    "[upstream]\nhost = " HOST "\nusername = user\npassword_command = secret mail\nports = 587\n"
#define AT587 ADDRESS ":587"

static void begin(struct world *w, const char *prints)
{
    world_begin(w);
    world_server(w, AT587);
    sim_program(w->sim, "secret", prints, 300 * MS);
    world_load(w, COMMAND);
}

static unsigned runs(struct world *w)
{
    return sim_program_runs(w->sim, "secret");
}

static void it_runs_once_at_the_first_need(void **state)
{
    struct world w;
    struct wish x, y;
    (void)state;
    begin(&w, "right\nsecond line\n");
    sim_run_for(w.sim, 5 * S);
    assert_int_equal(runs(&w), 0);
    wish_ask(&x, &w);
    wish_ask(&y, &w);
    wish_wait(&x);
    wish_wait(&y);
    assert_true(x.acquired && y.acquired);
    assert_int_equal(runs(&w), 1);
    wish_return(&x);
    wish_return(&y);
    world_end(&w);
}

static void a_slow_one_has_its_own_ten_seconds(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, "right");
    sim_program(w.sim, "secret", "right", 9900 * MS);
    wish_ask(&x, &w);
    wish_wait(&x);
    /* though connect_timeout is 10 s, and the connection took some of it */
    assert_true(x.acquired);
    wish_return(&x);
    world_end(&w);
}

static void a_failing_one_is_a_temporary_matter(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, NULL);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.refused);
    assert_int_equal(x.why, REFUSAL_AUTH_TEMPORARY);
    assert_int_equal(logins_at(&w, 0), 0);
    assert_true(sim_log_has(w.sim, "password_command failed"));
    sim_program(w.sim, "secret", "right", 0);
    sim_run_for(w.sim, 11 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.acquired);
    assert_int_equal(runs(&w), 2);
    wish_return(&x);
    world_end(&w);
}

static void one_run_for_all_ports_of_a_race(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_server(&w, AT587);
    world_server(&w, ADDRESS ":2525");
    world_server(&w, ADDRESS ":1025");
    sim_program(w.sim, "secret", NULL, 2 * S);
    world_load(&w, "[upstream]\nhost = " HOST "\nusername = user\npassword_command = secret\n");
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_AUTH_TEMPORARY);
    assert_int_equal(runs(&w), 1);
    world_end(&w);
}

static void a_changed_password_is_found_out_behind_a_refusal(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, "right");
    wish_ask(&x, &w);
    wish_wait(&x);
    wish_return(&x);
    /* the session is gone */
    sim_run_for(w.sim, 60 * S);
    sim_upstream_script(w.up[0])->password = "new";
    sim_program(w.sim, "secret", "new", 300 * MS);
    wish_ask(&x, &w);
    wish_wait(&x);
    /* nobody heard of the refusal */
    assert_true(x.acquired);
    assert_int_equal(runs(&w), 2);
    assert_int_equal(logins_at(&w, 0), 3);
    assert_int_equal(account_standing(world_account(&w)), STANDING_WORKS);
    wish_return(&x);
    world_end(&w);
}

static void the_same_password_again_is_not_tried(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, "wrong");
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    assert_int_equal(runs(&w), 2);
    assert_int_equal(logins_at(&w, 0), 1);
    assert_int_equal(account_standing(world_account(&w)), STANDING_AUTH_REFUSED);
    sim_run_for(w.sim, 299 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(logins_at(&w, 0), 1);
    /* retry_auth is over: it is asked anew, and tried once */
    sim_run_for(w.sim, 2 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    assert_int_equal(logins_at(&w, 0), 2);
    assert_int_equal(runs(&w), 4);
    /* the wait has doubled */
    sim_run_for(w.sim, 400 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(logins_at(&w, 0), 2);
    world_end(&w);
}

/* A command that prints another wrong password each time gets one more AUTH per refusal, not an
 * endless row of them. */
static void one_more_auth_and_no_more(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, "wrong");
    wish_ask(&x, &w);
    while (runs(&w) < 1)
        sim_run_for(w.sim, 10 * MS);
    /* it has printed */
    sim_run_for(w.sim, 310 * MS);
    sim_program(w.sim, "secret", "other", 300 * MS);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    assert_int_equal(logins_at(&w, 0), 2);
    assert_int_equal(runs(&w), 2);
    world_end(&w);
}

static void reload(struct world *w, const char *ini)
{
    struct err err = {0};
    struct config *config = sim_config(ini);
    struct accounts *fresh = accounts_reload(&w->accounts, config, contexts_new(config), &err);
    config_unref(&config);
    assert_non_null(fresh);
    w->accounts = fresh;
}

static void a_reload_asks_again_and_ends_the_wait(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, "wrong");
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    sim_program(w.sim, "secret", "right", 300 * MS);
    reload(&w, COMMAND);
    assert_int_equal(runs(&w), 3);
    sim_run_for(w.sim, 1 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.acquired);
    assert_int_equal(logins_at(&w, 0), 2);
    /* a session stays, and so does a password that was good */
    sim_program(w.sim, "secret", NULL, 0);
    reload(&w, COMMAND);
    sim_run_for(w.sim, 1 * S);
    wish_return(&x);
    sim_run_for(w.sim, 60 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.acquired);
    wish_return(&x);
    world_end(&w);
}

static void from_a_command_to_a_password_and_back(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, NULL);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.refused);
    reload(&w, BASIC "ports = 587\n");
    sim_run_for(w.sim, 11 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.acquired);
    wish_return(&x);
    sim_program(w.sim, "secret", "right", 0);
    reload(&w, COMMAND);
    sim_run_for(w.sim, 60 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.acquired);
    assert_int_equal(runs(&w), 2);
    wish_return(&x);
    world_end(&w);
}

static void freed_while_it_runs(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, "right");
    sim_program(w.sim, "secret", "right", 5 * S);
    wish_ask(&x, &w);
    while (runs(&w) < 1)
        sim_run_for(w.sim, 10 * MS);
    accounts_free(&w.accounts);
    sim_run_for(w.sim, 1 * S);
    assert_int_equal(x.why, REFUSAL_GONE);
    world_end(&w);
}

/* What providers say that have switched password logins off counts as a refusal, not as a port that
 * does not work. */
static void basic_authentication_is_not_supported(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_server(&w, AT587)->faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_AUTH,
        .fault = SIM_FAULT_REPLY,
        .text = "550 5.7.30 Basic authentication is not supported for Client Submission.\r\n"};
    world_server(&w, ADDRESS ":2525");
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    /* no other port was asked */
    assert_int_equal(logins_at(&w, 0), 1);
    assert_int_equal(report_of(&w, 587)->finding, FINDING_AUTH_REFUSED);
    assert_non_null(strstr(report_of(&w, 587)->words, "5.7.30"));
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_runs_once_at_the_first_need),
        cmocka_unit_test(a_slow_one_has_its_own_ten_seconds),
        cmocka_unit_test(a_failing_one_is_a_temporary_matter),
        cmocka_unit_test(one_run_for_all_ports_of_a_race),
        cmocka_unit_test(a_changed_password_is_found_out_behind_a_refusal),
        cmocka_unit_test(the_same_password_again_is_not_tried),
        cmocka_unit_test(one_more_auth_and_no_more),
        cmocka_unit_test(a_reload_asks_again_and_ends_the_wait),
        cmocka_unit_test(from_a_command_to_a_password_and_back),
        cmocka_unit_test(freed_while_it_runs),
        cmocka_unit_test(basic_authentication_is_not_supported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
