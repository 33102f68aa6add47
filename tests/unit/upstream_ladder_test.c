/* The ladder over time: what it remembers, when it tries again, and that an outage or a wrong
 * password costs little. */
#include "upstream/contexts.h"
#include "upstream_world.h"

#define AT(port) ADDRESS ":" #port

static void a_burst_in_an_outage_makes_one_race(void **state)
{
    static struct wish xs[100];
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    struct sim_upstream_script *s = world_server(&w, AT(587));
    s->greeting = "554 5.3.2 down";
    s->delay = 400 * MS;
    world_load(&w, BASIC);
    for (size_t i = 0; i < 100; i++) {
        wish_ask(&xs[i], &w);
        /* they come while the race is on */
        sim_run_for(w.sim, 1 * MS);
    }
    for (size_t i = 0; i < 100; i++) {
        wish_wait(&xs[i]);
        assert_int_equal(xs[i].why, REFUSAL_NO_PORT);
        assert_string_equal(xs[i].words, "587 greeting-5xx, 2525 refused, 1025 refused");
    }
    assert_int_equal(w.ledger->sessions, 1);
    assert_int_equal(account_standing(world_account(&w)), STANDING_NO_PORT);
    /* For 10 s the answer is known, and given at once. */
    sim_run_for(w.sim, 5 * S);
    wish_ask(&x, &w);
    assert_int_equal(wish_wait(&x), 0);
    assert_string_equal(x.words, "587 greeting-5xx, 2525 refused, 1025 refused");
    assert_int_equal(w.ledger->sessions, 1);
    /* Then it is tried again, and said once that it works again. */
    s->greeting = "220 up";
    sim_run_for(w.sim, 6 * S);
    wish_hold(&x, &w);
    assert_int_equal(account_standing(world_account(&w)), STANDING_WORKS);
    assert_true(sim_log_has(w.sim, HOST " works again"));
    wish_return(&x);
    world_end(&w);
}

/* ---- what comes at once is no outage yet ---- */

static void refuse(struct world *w, struct sim_upstream_script *s, int how, bool down)
{
    static const char *const greetings[] = {"220 up", "421 4.3.2 restarting"};
    sim_path(w->sim, AT(587))->syn = down && how == 0 ? SIM_REFUSED : SIM_OPEN;
    s->faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_GREETING, .fault = down && how == 1 ? SIM_FAULT_RESET : SIM_FAULT_NONE};
    s->greeting = greetings[down && how == 2];
}

/* Refused, reset, 421: the upstream restarts. Nobody is told before one more race has shown that
 * it did not come back. */
static void a_restart_of_the_upstream_is_waited_for(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        static struct wish xs[10];
        struct world w;
        world_begin(&w);
        struct sim_upstream_script *s = world_server(&w, AT(587));
        world_load(&w, BASIC "ports = 587\n");
        wish_hold(&xs[0], &w);
        wish_return(&xs[0]);
        /* no idle session is left */
        accounts_network_changed(w.accounts);
        refuse(&w, s, how, true);
        for (size_t i = 0; i < 10; i++) {
            wish_ask(&xs[i], &w);
            sim_run_for(w.sim, 70 * MS);
        }
        refuse(&w, s, how, false);
        for (size_t i = 0; i < 10; i++) {
            assert_true(wish_wait(&xs[i]) <= 2 * S);
            assert_true(xs[i].acquired);
            wish_return(&xs[i]);
        }
        world_end(&w);
    }
}

static bool nobody_waits(void *ctx)
{
    const struct wish *xs = ctx;
    for (size_t i = 0; i < 3; i++)
        if (!xs[i].refused)
            return false;
    return true;
}

/* It does not come back: one more race, shared, answers all who wait; those who come later wait
 * for the next, and never longer. */
static void an_outage_that_comes_at_once_costs_one_more_race(void **state)
{
    struct wish xs[3], late;
    struct world w;
    (void)state;
    world_begin(&w);
    struct sim_upstream_script *s = world_server(&w, AT(587));
    s->greeting = "421 4.3.2 down";
    world_load(&w, BASIC "ports = 587\n");
    for (size_t i = 0; i < 3; i++) {
        wish_ask(&xs[i], &w);
        sim_run_for(w.sim, 300 * MS);
    }
    assert_true(sim_run_until(w.sim, nobody_waits, xs, 60 * S));
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(xs[i].words, "587 greeting-4xx");
        assert_true(xs[i].answered == xs[0].answered);
    }
    assert_in_range(xs[0].answered - xs[0].asked, 1 * S, 1 * S + 200 * MS);
    assert_int_equal(w.ledger->sessions, 2);
    sim_run_for(w.sim, 500 * MS);
    /* within the second of the memory */
    wish_ask(&late, &w);
    assert_in_range(wish_wait(&late), 300 * MS, 700 * MS);
    assert_true(late.refused);
    assert_int_equal(w.ledger->sessions, 3);
    sim_run_for(w.sim, 30 * S);
    /* nobody waits: nothing is dialled */
    assert_int_equal(w.ledger->sessions, 3);
    wish_ask(&late, &w);
    assert_in_range(wish_wait(&late), 1 * S, 1 * S + 200 * MS);
    assert_int_equal(w.ledger->sessions, 5);
    world_end(&w);
}

/* One port that stays silent makes it an outage as ever: the answer is known, and given at once. */
static void an_outage_with_a_silent_port_is_remembered_longer(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_server(&w, AT(587));
    sim_path(w.sim, AT(587))->syn = SIM_DROPPED;
    world_load(&w, BASIC "connect_timeout = 2s\n");
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.refused);
    sim_run_for(w.sim, 5 * S);
    wish_ask(&x, &w);
    assert_int_equal(wish_wait(&x), 0);
    world_end(&w);
}

/* Nobody waits longer than acquire_timeout for the next race. */
static void the_next_race_is_not_waited_for_longer_than_acquire_timeout(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_load(&w, BASIC "ports = 587\nacquire_timeout = 500ms\n");
    wish_ask(&x, &w);
    assert_int_equal(wish_wait(&x), 500 * MS);
    assert_string_equal(x.words, "587 refused");
    assert_int_equal(x.why, REFUSAL_NO_PORT);
    world_end(&w);
}

static size_t log_lines_with(const struct world *w, const char *text)
{
    size_t n = 0;
    for (size_t i = 0; i < sim_log_count(w->sim); i++)
        n += strstr(sim_log_line(w->sim, i), text) != NULL;
    return n;
}

static void a_standing_is_said_once(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_load(&w, BASIC);
    for (int i = 0; i < 5; i++) {
        wish_ask(&x, &w);
        wish_wait(&x);
        assert_true(x.refused);
        sim_run_for(w.sim, 11 * S);
    }
    assert_int_equal(log_lines_with(&w, "no port of " HOST " works"), 1);
    assert_int_equal(log_lines_with(&w, "finding=refused"), 3);
    world_end(&w);
}

static void a_refused_password_rests(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    struct sim_upstream_script *s = world_server(&w, AT(587));
    world_server(&w, AT(2525));
    s->password = "another";
    world_load(&w, BASIC "retry_auth = 5m 15m\n");
    static const usec waits[] = {5 * 60 * S, 10 * 60 * S, 15 * 60 * S, 15 * 60 * S};
    for (size_t i = 0; i < 4; i++) {
        wish_ask(&x, &w);
        wish_wait(&x);
        assert_int_equal(x.why, REFUSAL_CREDENTIALS);
        assert_string_equal(x.words, HOST " refuses the configured credentials");
        assert_int_equal(logins_at(&w, 0), i + 1);
        /* nobody knocks meanwhile */
        for (int k = 0; k < 3; k++) {
            sim_run_for(w.sim, waits[i] / 4);
            wish_ask(&x, &w);
            assert_int_equal(wish_wait(&x), 0);
            assert_int_equal(x.why, REFUSAL_CREDENTIALS);
        }
        assert_int_equal(logins_at(&w, 0), i + 1);
        sim_run_for(w.sim, waits[i] / 4 + S);
    }
    /* accepted: the next refusal begins with the first wait */
    s->password = "right";
    wish_hold(&x, &w);
    assert_int_equal(logins_at(&w, 2525), 0);
    assert_int_equal(account_standing(world_account(&w)), STANDING_WORKS);
    wish_return(&x);
    world_end(&w);
}

static void reload(struct world *w, const char *ini)
{
    struct err err = {0};
    struct config *config = sim_config(ini);
    struct accounts *fresh = accounts_reload(&w->accounts, config, contexts_new(config), &err);
    config_unref(&config);
    assert_non_null(fresh);
    assert_null(w->accounts);
    w->accounts = fresh;
}

static void a_new_secret_ends_the_rest(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_server(&w, AT(587))->password = "another";
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    /* the same secret: the rest goes on */
    reload(&w, BASIC);
    wish_ask(&x, &w);
    assert_int_equal(wish_wait(&x), 0);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    assert_int_equal(logins_at(&w, 0), 1);
    /* made anew, but not with another password */
    reload(&w, BASIC "idle_timeout = 20s\n");
    wish_ask(&x, &w);
    assert_int_equal(wish_wait(&x), 0);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    assert_int_equal(logins_at(&w, 0), 1);
    reload(&w, "[upstream]\nhost = " HOST "\nusername = user\npassword = another\n");
    wish_hold(&x, &w);
    assert_int_equal(logins_at(&w, 0), 2);
    wish_return(&x);
    world_end(&w);
}

static void what_works_survives_a_restart(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    sim_path(w.sim, AT(587))->syn = SIM_DROPPED;
    world_server(&w, AT(2525));
    world_load(&w, BASIC);
    wish_hold(&x, &w);
    assert_int_equal(x.port, 2525);
    wish_return(&x);
    accounts_free(&w.accounts);
    sim_run_for(w.sim, 10 * S);
    assert_non_null(sim_file_text(w.sim, "/state/upstreams"));
    world_load(&w, BASIC);
    assert_true(account_facts(world_account(&w))->known && account_facts(world_account(&w))->dsn);
    wish_ask(&x, &w);
    /* straight to 2525: no patience spent on 587 */
    assert_true(wish_wait(&x) < 300 * MS);
    assert_int_equal(x.port, 2525);
    wish_return(&x);
    world_end(&w);
}

static void a_working_port_that_fails_costs_one_patience(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    for (int dropped = 0; dropped < 2; dropped++) {
        world_begin(&w);
        sim_path_default(w.sim)->latency = 0;
        world_server(&w, AT(587));
        world_server(&w, AT(2525));
        world_load(&w, BASIC "idle_timeout = 1s\n");
        wish_hold(&x, &w);
        assert_int_equal(x.port, 587);
        wish_return(&x);
        sim_run_for(w.sim, 5 * S);
        sim_path(w.sim, AT(587))->syn = dropped ? SIM_DROPPED : SIM_REFUSED;
        wish_ask(&x, &w);
        assert_true(wish_wait(&x) <= (dropped ? 600 * MS : 100 * MS));
        assert_int_equal(x.port, 2525);
        assert_int_equal(report_of(&w, 587)->finding,
                         dropped ? FINDING_TIMEOUT_CONNECT : FINDING_REFUSED);
        assert_true(sim_log_has(w.sim, "new sessions go to port 2525 now, no longer to 587"));
        wish_return(&x);
        world_end(&w);
    }
}

static void many_dials_on_a_dying_port_make_one_race(void **state)
{
    static struct wish xs[10];
    struct world w;
    (void)state;
    world_begin(&w);
    world_server(&w, AT(587));
    world_server(&w, AT(2525));
    world_load(&w, BASIC "idle_timeout = 1s\n");
    wish_hold(&xs[0], &w);
    wish_return(&xs[0]);
    sim_run_for(w.sim, 5 * S);
    sim_path(w.sim, AT(587))->syn = SIM_DROPPED;
    for (size_t i = 0; i < 10; i++)
        wish_ask(&xs[i], &w);
    for (size_t i = 0; i < 10; i++) {
        assert_true(wish_wait(&xs[i]) < 2 * S);
        assert_int_equal(xs[i].port, 2525);
    }
    /* one each, none for the race */
    assert_int_equal(logins_at(&w, 2525), 10);
    /* those that stood still were given up */
    assert_int_equal(account_pool_counts(world_account(&w)).dialing, 0);
    for (size_t i = 0; i < 10; i++)
        wish_return(&xs[i]);
    world_end(&w);
}

static void a_better_port_is_probed_in_the_background(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    sim_path(w.sim, AT(587))->syn = SIM_DROPPED;
    world_server(&w, AT(587));
    world_server(&w, AT(2525));
    world_load(&w, BASIC);
    wish_hold(&x, &w);
    assert_int_equal(x.port, 2525);
    wish_return(&x);
    sim_run_for(w.sim, 9 * 60 * S);
    /* it is not bothered before `reprobe` */
    assert_int_equal(w.ledger->sessions, 1);
    sim_run_for(w.sim, 2 * 60 * S);
    /* still dead, and now known for certain */
    assert_int_equal(report_of(&w, 587)->finding, FINDING_TIMEOUT_CONNECT);
    assert_true(report_of(&w, 587)->took >= 10 * S);
    sim_path(w.sim, AT(587))->syn = SIM_OPEN;
    sim_run_for(w.sim, 10 * 60 * S + 30 * S);
    assert_int_equal(report_of(&w, 587)->finding, FINDING_WORKS);
    assert_int_equal(logins_at(&w, 587), 1);
    wish_hold(&x, &w);
    assert_int_equal(x.port, 587);
    wish_return(&x);
    world_end(&w);
}

static void a_probe_s_session_is_used(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    sim_path(w.sim, AT(587))->syn = SIM_REFUSED;
    world_server(&w, AT(587));
    world_server(&w, AT(2525));
    world_load(&w, BASIC "reprobe = 1m\n");
    wish_hold(&x, &w);
    wish_return(&x);
    sim_path(w.sim, AT(587))->syn = SIM_OPEN;
    sim_run_for(w.sim, 61 * S);
    assert_int_equal(account_pool_counts(world_account(&w)).idle, 1);
    wish_hold(&x, &w);
    assert_int_equal(x.port, 587);
    assert_int_equal(logins_at(&w, 587), 1);
    wish_return(&x);
    world_end(&w);
}

static void a_network_change_starts_anew(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.refused);
    world_server(&w, AT(587));
    world_server(&w, AT(2525));
    /* the failed race is forgotten */
    accounts_network_changed(w.accounts);
    wish_hold(&x, &w);
    assert_int_equal(x.port, 587);
    wish_return(&x);
    /* and one under way begins again: it would have waited for 587 for ever on the old network */
    sim_run_for(w.sim, 60 * S);
    sim_path(w.sim, AT(587))->syn = SIM_DROPPED;
    sim_path(w.sim, AT(2525))->syn = SIM_DROPPED;
    wish_ask(&x, &w);
    sim_run_for(w.sim, 5 * S);
    assert_false(x.acquired || x.refused);
    sim_path(w.sim, AT(587))->syn = SIM_OPEN;
    accounts_network_changed(w.accounts);
    wish_wait(&x);
    assert_true(x.acquired);
    assert_int_equal(x.port, 587);
    wish_return(&x);
    world_end(&w);
}

/* Its answer is due: an AUTH that is given up now would be sent once more, and a refused password
 * with it. */
static void a_login_under_way_outlives_a_network_change(void **state)
{
    (void)state;
    for (int refused = 0; refused < 2; refused++) {
        struct world w;
        struct wish x;
        world_begin(&w);
        struct sim_upstream_script *s = world_server(&w, AT(587));
        world_server(&w, AT(2525));
        s->faults[0] = (struct sim_fault_rule){
            .step = SIM_AT_AUTH, .fault = SIM_FAULT_SLOW, .delay = 3 * S, .times = 1};
        s->password = refused ? "another" : "right";
        world_load(&w, BASIC);
        wish_ask(&x, &w);
        sim_run_for(w.sim, S);
        for (int i = 0; i < 2; i++) {
            accounts_network_changed(w.accounts);
            sim_run_for(w.sim, S / 2);
        }
        wish_wait(&x);
        assert_int_equal(x.refused, refused);
        assert_true(logins_at(&w, 587) >= 1);
        if (refused) {
            assert_int_equal(x.why, REFUSAL_CREDENTIALS);
            assert_int_equal(logins_at(&w, 0), 1);
        } else {
            assert_int_equal(x.port, 587);
            wish_return(&x);
        }
        world_end(&w);
    }
}

/* It is waited for no longer than any other: then the next one may try. */
static void a_login_that_the_network_swallowed_is_waited_for_in_vain(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_server(&w, AT(587))->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_AUTH, .fault = SIM_FAULT_STALL, .times = 1};
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    /* AUTH is out, and no other port was tried */
    sim_run_for(w.sim, 300 * MS);
    accounts_network_changed(w.accounts);
    /* connect_timeout */
    assert_true(wish_wait(&x) <= 10 * S + 100 * MS);
    assert_true(sim_log_has(w.sim, "587 never answers the login"));
    /* as ports were told that had been tried, or had not, with another end */
    assert_false(sim_log_has(w.sim, "cannot be resolved"));
    assert_true(x.acquired);
    wish_return(&x);
    world_end(&w);
}

static void a_lost_young_session_sends_the_next_elsewhere(void **state)
{
    struct world w;
    struct wish x, y;
    (void)state;
    world_begin(&w);
    world_server(&w, AT(587))->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_IDLE, .fault = SIM_FAULT_RESET, .delay = 100 * MS};
    world_server(&w, AT(2525));
    world_load(&w, BASIC);
    wish_hold(&x, &w);
    assert_int_equal(x.port, 587);
    sim_run_for(w.sim, 1 * S);
    assert_true(x.lost);
    wish_ask_avoiding(&x, &w, 587);
    wish_wait(&x);
    assert_int_equal(x.port, 2525);
    assert_true(sim_log_has(w.sim, "587 logs us in and then loses the session"));
    /* and so it stays, until 587 is probed */
    wish_hold(&y, &w);
    assert_int_equal(y.port, 2525);
    wish_return(&x);
    wish_return(&y);
    world_end(&w);
}

static void avoiding_is_a_wish_not_a_condition(void **state)
{
    struct world w;
    struct wish x, y;
    (void)state;
    world_begin(&w);
    world_server(&w, AT(587));
    sim_path(w.sim, AT(2525))->syn = SIM_DROPPED;
    world_load(&w, BASIC);
    wish_hold(&x, &w);
    wish_ask_avoiding(&y, &w, 587);
    /* the others had their patience */
    assert_true(wish_wait(&y) < 2 * S);
    assert_int_equal(y.port, 587);
    wish_return(&x);
    wish_return(&y);
    world_end(&w);
}

static void an_avoided_port_that_works_elsewhere_is_left(void **state)
{
    struct world w;
    struct wish x, y;
    (void)state;
    world_begin(&w);
    world_server(&w, AT(587));
    world_server(&w, AT(2525));
    world_load(&w, BASIC);
    wish_hold(&x, &w);
    wish_ask_avoiding(&y, &w, 587);
    wish_wait(&y);
    assert_int_equal(y.port, 2525);
    wish_return(&x);
    wish_return(&y);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_in_an_outage_makes_one_race),
        cmocka_unit_test(a_restart_of_the_upstream_is_waited_for),
        cmocka_unit_test(an_outage_that_comes_at_once_costs_one_more_race),
        cmocka_unit_test(an_outage_with_a_silent_port_is_remembered_longer),
        cmocka_unit_test(the_next_race_is_not_waited_for_longer_than_acquire_timeout),
        cmocka_unit_test(a_standing_is_said_once),
        cmocka_unit_test(a_refused_password_rests),
        cmocka_unit_test(a_new_secret_ends_the_rest),
        cmocka_unit_test(what_works_survives_a_restart),
        cmocka_unit_test(a_working_port_that_fails_costs_one_patience),
        cmocka_unit_test(many_dials_on_a_dying_port_make_one_race),
        cmocka_unit_test(a_better_port_is_probed_in_the_background),
        cmocka_unit_test(a_probe_s_session_is_used),
        cmocka_unit_test(a_network_change_starts_anew),
        cmocka_unit_test(a_login_under_way_outlives_a_network_change),
        cmocka_unit_test(a_login_that_the_network_swallowed_is_waited_for_in_vain),
        cmocka_unit_test(a_lost_young_session_sends_the_next_elsewhere),
        cmocka_unit_test(avoiding_is_a_wish_not_a_condition),
        cmocka_unit_test(an_avoided_port_that_works_elsewhere_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
