/* What is counted for an account, and account_prove: knowledge renewed by a real session. */
#include "upstream/contexts.h"
#include "upstream/tally.h"
#include "upstream_world.h"

static const struct upstream_tally *tally(struct world *w)
{
    return account_tally(world_account(w));
}

static void prove(struct world *w)
{
    account_prove(world_account(w));
    sim_run_for(w->sim, 15 * S);
}

static void proof_is_a_new_session(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin_with(&w, BASIC "ports = 587\nidle_timeout = 10m\nmax_age = 1h\n");
    assert_int_equal(report_of(&w, 587)->proven, 0);
    prove(&w);
    assert_int_equal(report_of(&w, 587)->finding, FINDING_WORKS);
    usec first = report_of(&w, 587)->proven;
    assert_true(first > 0);
    /* although one rests in the pool */
    prove(&w);
    assert_true(report_of(&w, 587)->proven > first);
    assert_int_equal(w.ledger->sessions, 2);
    usec second = report_of(&w, 587)->proven;
    wish_ask(&x, &w);
    wish_wait(&x);
    /* a session that was there proves nothing anew */
    assert_int_equal(report_of(&w, 587)->proven, second);
    wish_return(&x);
    assert_int_equal(tally(&w)->sessions, 2);
    assert_int_equal(tally(&w)->handshakes, 2);
    assert_int_equal(tally(&w)->auth_accepted, 2);
    assert_int_equal(tally(&w)->auth_refused + tally(&w)->auth_failed, 0);
    assert_int_equal(tally(&w)->leases, 1);
    assert_int_equal(tally(&w)->leases_reused, 1);
    world_end(&w);
}

static void proof_finds_another_port(void **state)
{
    struct world w;
    (void)state;
    world_begin_with(&w, BASIC "ports = 587 2525\n");
    world_server(&w, ADDRESS ":2525");
    prove(&w);
    assert_int_equal(account_standing(world_account(&w)), STANDING_WORKS);
    sim_path(w.sim, ADDRESS ":587")->syn = SIM_REFUSED;
    prove(&w);
    assert_int_equal(report_of(&w, 587)->finding, FINDING_REFUSED);
    assert_int_equal(report_of(&w, 2525)->finding, FINDING_WORKS);
    world_end(&w);
}

static void proof_heeds_a_refusal(void **state)
{
    struct world w;
    (void)state;
    world_begin_with(&w, "[upstream]\nhost = " HOST
                         "\nusername = user\npassword = wrong\nports = 587\n");
    prove(&w);
    assert_int_equal(account_standing(world_account(&w)), STANDING_AUTH_REFUSED);
    prove(&w);
    prove(&w);
    /* retry_auth holds for proofs too */
    assert_int_equal(logins_at(&w, 0), 1);
    assert_int_equal(tally(&w)->auth_refused, 1);
    assert_int_equal(tally(&w)->auth_accepted, 0);
    world_end(&w);
}

static void proof_needs_a_slot(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin_with(&w, BASIC "ports = 587\nmax_connections = 1\n");
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(tally(&w)->leases_reused, 0);
    prove(&w);
    assert_int_equal(w.ledger->sessions, 1);
    wish_return(&x);
    world_end(&w);
}

static void counters_survive_a_reload(void **state)
{
    struct world w;
    struct err err;
    (void)state;
    world_begin_with(&w, BASIC "ports = 587\n");
    prove(&w);
    /* the account is made anew */
    struct config *config = sim_config(BASIC "ports = 587\nmax_messages = 7\n");
    struct accounts *fresh = accounts_reload(&w.accounts, config, contexts_new(config), &err);
    config_unref(&config);
    assert_non_null(fresh);
    w.accounts = fresh;
    assert_int_equal(report_of(&w, 587)->proven, 0);
    assert_int_equal(tally(&w)->sessions, 1);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proof_is_a_new_session),    cmocka_unit_test(proof_finds_another_port),
        cmocka_unit_test(proof_heeds_a_refusal),     cmocka_unit_test(proof_needs_a_slot),
        cmocka_unit_test(counters_survive_a_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
