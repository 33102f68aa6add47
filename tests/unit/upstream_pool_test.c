/* The pool: who gets which session, who waits for how long, and when sessions end. */
#include "upstream/contexts.h"
#include "upstream_world.h"

static struct pool_counts counts(struct world *w)
{
    return account_pool_counts(world_account(w));
}

static void the_last_used_comes_first(void **state)
{
    struct world w;
    struct wish a, b, c;
    (void)state;
    world_begin_with(&w, BASIC);
    wish_hold(&a, &w);
    wish_hold(&b, &w);
    struct carrier *second = lease_carrier(b.lease);
    assert_false(lease_is_pooled(a.lease));
    wish_return(&a);
    sim_run_for(w.sim, 1 * S);
    wish_return(&b);
    sim_run_for(w.sim, 1 * S);
    wish_hold(&c, &w);
    assert_ptr_equal(lease_carrier(c.lease), second);
    assert_true(lease_is_pooled(c.lease));
    assert_true(lease_completed_any(c.lease));
    assert_int_equal(logins_at(&w, 0), 2);
    wish_return(&c);
    world_end(&w);
}

static void slots_are_waited_for_in_order(void **state)
{
    static struct wish xs[6];
    struct world w;
    (void)state;
    world_begin_with(&w, BASIC "max_connections = 2\n");
    for (size_t i = 0; i < 6; i++)
        wish_ask(&xs[i], &w);
    for (size_t i = 0; i < 6; i++) {
        wish_wait(&xs[i]);
        assert_true(xs[i].acquired);
        assert_true(counts(&w).leased <= 2);
        for (size_t k = i + 2; k < 6; k++)
            assert_false(xs[k].acquired);
        if (i > 0)
            wish_return(&xs[i - 1]);
    }
    wish_return(&xs[5]);
    assert_int_equal(w.ledger->sessions, 2);
    world_end(&w);
}

static void waiting_has_an_end(void **state)
{
    struct world w;
    struct wish a, b;
    (void)state;
    world_begin_with(&w, BASIC "max_connections = 1\nacquire_timeout = 7s\n");
    wish_hold(&a, &w);
    wish_ask(&b, &w);
    assert_int_equal(wish_wait(&b), 7 * S);
    assert_int_equal(b.why, REFUSAL_BUSY);
    assert_string_equal(b.words, "all 1 that max_connections allows are busy");
    assert_int_equal(counts(&w).waiting, 0);
    wish_return(&a);
    world_end(&w);
}

static void acquire_timeout_bounds_a_race(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    sim_path_default(w.sim)->syn = SIM_DROPPED;
    world_load(&w, BASIC "acquire_timeout = 3s\n");
    wish_ask(&x, &w);
    assert_int_equal(wish_wait(&x), 3 * S);
    assert_int_equal(x.why, REFUSAL_NO_PORT);
    world_end(&w);
}

static void sessions_wear_out(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin_with(&w, BASIC "max_messages = 3\nidle_timeout = 30s\nmax_age = 2m\n");
    for (int i = 0; i < 6; i++) {
        wish_hold(&x, &w);
        wish_return(&x);
    }
    /* three messages each */
    assert_int_equal(w.ledger->sessions, 2);
    assert_int_equal(counts(&w).idle, 0);
    wish_hold(&x, &w);
    wish_return(&x);
    sim_run_for(w.sim, 29 * S);
    assert_int_equal(counts(&w).idle, 1);
    sim_run_for(w.sim, 2 * S);
    /* idle_timeout */
    assert_int_equal(counts(&w).idle, 0);
    sim_run_for(w.sim, 5 * S);
    assert_int_equal(sim_upstream_sessions(w.up[0]), 0);
    world_end(&w);
}

static void sessions_grow_old(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin_with(&w, BASIC "max_messages = 100\nidle_timeout = 30s\nmax_age = 1m\n");
    /* never idle for long */
    for (int i = 0; i < 5; i++) {
        wish_hold(&x, &w);
        wish_return(&x);
        sim_run_for(w.sim, 14 * S);
    }
    assert_int_equal(w.ledger->sessions, 1);
    sim_run_for(w.sim, 10 * S);
    assert_int_equal(counts(&w).idle, 0);
    world_end(&w);
}

static void a_session_that_dies_at_rest_vanishes(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin_with(&w, BASIC);
    sim_upstream_script(w.up[0])->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_IDLE,
                                .fault = SIM_FAULT_REPLY,
                                .text = "421 4.4.2 idle for too long\r\n",
                                .delay = 5 * S,
                                .times = 1};
    wish_hold(&x, &w);
    wish_return(&x);
    sim_run_for(w.sim, 10 * S);
    assert_int_equal(counts(&w).idle, 0);
    wish_hold(&x, &w);
    assert_false(lease_is_pooled(x.lease));
    /* no fault of the port */
    assert_int_equal(report_of(&w, 587)->finding, FINDING_WORKS);
    wish_return(&x);
    world_end(&w);
}

static void warming_starts_one_session(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin_with(&w, BASIC);
    for (int i = 0; i < 5; i++)
        account_warm(world_account(&w), NULL);
    sim_run_for(w.sim, 1 * S);
    account_warm(world_account(&w), NULL);
    sim_run_for(w.sim, 1 * S);
    assert_int_equal(w.ledger->sessions, 1);
    assert_int_equal(counts(&w).idle, 1);
    wish_ask(&x, &w);
    assert_int_equal(wish_wait(&x), 0);
    wish_return(&x);
    world_end(&w);
}

static void a_burst_begins_with_one_login(void **state)
{
    static struct wish xs[5];
    struct world w;
    (void)state;
    world_begin_with(&w, BASIC);
    sim_upstream_script(w.up[0])->faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_AUTH, .fault = SIM_FAULT_SLOW, .delay = 400 * MS, .times = 1};
    for (size_t i = 0; i < 5; i++)
        wish_ask(&xs[i], &w);
    sim_run_for(w.sim, 300 * MS);
    /* unproven credentials */
    assert_int_equal(w.ledger->sessions, 1);
    for (size_t i = 0; i < 5; i++)
        wish_wait(&xs[i]);
    assert_int_equal(logins_at(&w, 0), 5);
    for (size_t i = 0; i < 5; i++)
        wish_return(&xs[i]);
    world_end(&w);
}

static void identities_do_not_share(void **state)
{
    struct world w;
    struct wish x, y;
    (void)state;
    world_begin_with(&w, BASIC "max_connections = 1\n");
    wish_hold(&x, &w);
    wish_return(&x);
    sim_upstream_script(w.up[0])->user = "other@example.net";
    y = (struct wish){.w = &w, .asked = sim_now(w.sim)};
    y.lease = account_acquire(
        world_account(&w), &(struct lease_wish){.identity = "other@example.net"}, &wish_events, &y);
    /* the idle session of the other identity made room */
    wish_wait(&y);
    assert_true(y.acquired);
    assert_int_equal(w.ledger->nlogins, 2);
    assert_string_equal(w.ledger->logins[1].user, "other@example.net");
    wish_return(&y);
    world_end(&w);
}

/* z, under the identity of the only session, came after y: it must not have that session before y
 * had its turn. */
static void identities_take_turns(void **state)
{
    struct world w;
    struct wish x, y, z;
    (void)state;
    world_begin_with(&w, BASIC "max_connections = 1\n");
    wish_hold(&x, &w);
    sim_upstream_script(w.up[0])->user = "other@example.net";
    y = (struct wish){.w = &w, .asked = sim_now(w.sim)};
    y.lease = account_acquire(
        world_account(&w), &(struct lease_wish){.identity = "other@example.net"}, &wish_events, &y);
    wish_ask(&z, &w);
    sim_run_for(w.sim, 1 * S);
    wish_return(&x);
    wish_wait(&y);
    assert_true(y.acquired && !z.acquired);
    lease_cancel(&z.lease);
    wish_return(&y);
    world_end(&w);
}

static void a_rested_session_dead_on_first_use_takes_its_peers_along(void **state)
{
    struct world w;
    struct wish a, b, c;
    (void)state;
    world_begin_with(&w, BASIC);
    wish_hold(&a, &w);
    wish_hold(&b, &w);
    wish_return(&a);
    wish_return(&b);
    sim_run_for(w.sim, 10 * S);
    wish_hold(&c, &w);
    struct smtp_client_failure failure = {.stage = SMTP_CLIENT_MAIL,
                                          .fault = SMTP_CLIENT_FAULT_TIMEOUT,
                                          .first_use = true,
                                          .err = {.kind = ERR_TIMEOUT}};
    struct carrier *client = lease_carrier(c.lease);
    carrier_quit(&client);
    lease_drop(&c.lease, false, &failure);
    assert_int_equal(counts(&w).idle, 0);
    assert_int_equal(report_of(&w, 587)->finding, FINDING_WORKS);
    wish_hold(&c, &w);
    assert_false(lease_is_pooled(c.lease));
    wish_return(&c);
    world_end(&w);
}

static void a_session_that_ends_frees_its_slot(void **state)
{
    struct world w;
    struct wish a, b;
    (void)state;
    world_begin_with(&w, BASIC "max_connections = 1\n");
    wish_hold(&a, &w);
    wish_ask(&b, &w);
    sim_run_for(w.sim, 1 * S);
    struct carrier *client = lease_carrier(a.lease);
    carrier_quit(&client);
    lease_drop(&a.lease, false, NULL);
    wish_wait(&b);
    assert_true(b.acquired);
    wish_return(&b);
    world_end(&w);
}

static void whoever_lost_a_session_is_served_before_those_who_came_later(void **state)
{
    struct world w;
    struct wish a, b;
    (void)state;
    world_begin_with(&w, BASIC "max_connections = 1\n");
    wish_hold(&a, &w);
    wish_ask(&b, &w);
    sim_run_for(w.sim, 1 * S);
    struct carrier *client = lease_carrier(a.lease);
    carrier_quit(&client);
    lease_drop(&a.lease, false, NULL);
    a = (struct wish){.w = &w, .asked = sim_now(w.sim)};
    /* another port is wanted, and there is none */
    a.lease = account_acquire(
        world_account(&w), &(struct lease_wish){.avoid = 587, .had_turn = true}, &wish_events, &a);
    wish_wait(&a);
    assert_true(a.acquired && !b.acquired);
    wish_return(&a);
    wish_wait(&b);
    assert_true(b.acquired);
    wish_return(&b);
    world_end(&w);
}

static void cancelling_is_quiet(void **state)
{
    struct world w;
    struct wish a;
    (void)state;
    world_begin_with(&w, BASIC);
    wish_ask(&a, &w);
    lease_cancel(&a.lease);
    sim_run_for(w.sim, 5 * S);
    assert_false(a.acquired || a.refused);
    assert_int_equal(counts(&w).waiting, 0);
    world_end(&w);
}

static void a_reload_keeps_what_did_not_change(void **state)
{
    struct world w;
    struct wish held, x;
    struct err err = {0};
    (void)state;
    world_begin_with(&w, BASIC);
    wish_hold(&held, &w);
    wish_hold(&x, &w);
    wish_return(&x);
    struct account *before = world_account(&w);
    struct config *same = sim_config(BASIC "senders = @example.com\n"),
                  *other = sim_config(BASIC "reply_timeout = 1m\n");
    struct accounts *fresh = accounts_reload(&w.accounts, same, contexts_new(same), &err);
    assert_null(w.accounts);
    w.accounts = fresh;
    assert_ptr_equal(world_account(&w), before);
    assert_ptr_equal(account_config(before), &same->upstreams[0]);
    assert_int_equal(counts(&w).idle, 1);
    /* Other settings: the old account drains, its lease stays good. */
    fresh = accounts_reload(&w.accounts, other, contexts_new(other), &err);
    w.accounts = fresh;
    assert_ptr_not_equal(world_account(&w), before);
    assert_int_equal(counts(&w).idle, 0);
    sim_run_for(w.sim, 5 * S);
    assert_int_equal(sim_upstream_sessions(w.up[0]), 1);
    assert_non_null(lease_carrier(held.lease));
    wish_return(&held);
    sim_run_for(w.sim, 5 * S);
    assert_int_equal(sim_upstream_sessions(w.up[0]), 0);
    config_unref(&same);
    config_unref(&other);
    world_end(&w);
}

static void a_draining_account_still_serves_who_waits(void **state)
{
    struct world w;
    struct wish x;
    struct err err = {0};
    (void)state;
    world_begin_with(&w, BASIC);
    wish_ask(&x, &w);
    struct config *other = sim_config(BASIC "reply_timeout = 1m\n");
    struct accounts *fresh = accounts_reload(&w.accounts, other, contexts_new(other), &err);
    w.accounts = fresh;
    config_unref(&other);
    wish_wait(&x);
    assert_true(x.acquired);
    wish_return(&x);
    world_end(&w);
}

static void a_bad_reload_changes_nothing(void **state)
{
    struct world w;
    struct wish x;
    struct err err = {0};
    (void)state;
    world_begin_with(&w, BASIC);
    wish_hold(&x, &w);
    struct account *before = world_account(&w);
    sim_file(w.sim, "/ca.pem", "Some CA\n");
    /* there on disk for the config, absent in the world */
    struct config *bad = sim_config(BASIC "tls_ca = /etc/hostname\n");
    assert_null(accounts_reload(&w.accounts, bad, contexts_new(bad), &err));
    assert_true(err.words[0]);
    assert_ptr_equal(world_account(&w), before);
    config_unref(&bad);
    wish_return(&x);
    assert_int_equal(counts(&w).idle, 1);
    world_end(&w);
}

static void shutting_down_answers_everybody(void **state)
{
    struct world w;
    struct wish held, waiting;
    (void)state;
    world_begin_with(&w, BASIC "max_connections = 1\n");
    wish_hold(&held, &w);
    wish_ask(&waiting, &w);
    accounts_free(&w.accounts);
    sim_run_for(w.sim, 0);
    assert_int_equal(waiting.why, REFUSAL_GONE);
    assert_true(waiting.refused);
    /* it may finish its message */
    assert_non_null(lease_carrier(held.lease));
    wish_return(&held);
    sim_run_for(w.sim, 5 * S);
    assert_int_equal(sim_upstream_sessions(w.up[0]), 0);
    world_end(&w);
}

static void an_upstream_that_has_enough_of_us_is_waited_for(void **state)
{
    struct world w;
    struct wish a, b;
    (void)state;
    world_begin_with(&w, BASIC "ports = 587\n");
    wish_hold(&a, &w);
    sim_upstream_script(w.up[0])->greeting = "421 4.3.2 Concurrent connections limit exceeded";
    wish_ask(&b, &w);
    sim_run_for(w.sim, 5 * S);
    assert_false(b.acquired || b.refused);
    wish_return(&a);
    wish_wait(&b);
    assert_true(b.acquired);
    wish_return(&b);
    world_end(&w);
}

/* ---- sessions that settle ---- */

static void reset_and_return(struct wish *x)
{
    assert_true(carrier_abort(lease_carrier(x->lease)));
    lease_return(&x->lease, true);
}

static void a_session_that_settles_is_waited_for(void **state)
{
    struct world w;
    struct wish a, b;
    (void)state;
    world_begin_with(&w, BASIC);
    wish_hold(&a, &w);
    reset_and_return(&a);
    wish_ask(&b, &w);
    account_warm(world_account(&w), NULL);
    wish_wait(&b);
    assert_true(b.acquired);
    sim_run_for(w.sim, 2 * S);
    /* no other was dialled meanwhile */
    assert_int_equal(w.ledger->sessions, 1);
    wish_return(&b);
    world_end(&w);
}

static void one_that_does_not_settle_in_time_is_not(void **state)
{
    struct world w;
    struct wish a, b;
    (void)state;
    world_begin_with(&w, BASIC);
    sim_upstream_script(w.up[0])->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_RSET, .fault = SIM_FAULT_STALL};
    wish_hold(&a, &w);
    reset_and_return(&a);
    wish_ask(&b, &w);
    assert_true(wish_wait(&b) < 2 * S);
    assert_true(b.acquired);
    assert_int_equal(w.ledger->sessions, 2);
    wish_return(&b);
    world_end(&w);
}

static void two_who_wait_need_one_more_session(void **state)
{
    struct world w;
    struct wish a, b, c;
    (void)state;
    world_begin_with(&w, BASIC);
    wish_hold(&a, &w);
    reset_and_return(&a);
    wish_ask(&b, &w);
    wish_ask(&c, &w);
    wish_wait(&b);
    wish_wait(&c);
    sim_run_for(w.sim, 2 * S);
    assert_int_equal(w.ledger->sessions, 2);
    wish_return(&b);
    wish_return(&c);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_used_comes_first),
        cmocka_unit_test(slots_are_waited_for_in_order),
        cmocka_unit_test(waiting_has_an_end),
        cmocka_unit_test(acquire_timeout_bounds_a_race),
        cmocka_unit_test(sessions_wear_out),
        cmocka_unit_test(sessions_grow_old),
        cmocka_unit_test(a_session_that_dies_at_rest_vanishes),
        cmocka_unit_test(warming_starts_one_session),
        cmocka_unit_test(a_burst_begins_with_one_login),
        cmocka_unit_test(identities_do_not_share),
        cmocka_unit_test(identities_take_turns),
        cmocka_unit_test(a_rested_session_dead_on_first_use_takes_its_peers_along),
        cmocka_unit_test(a_session_that_ends_frees_its_slot),
        cmocka_unit_test(whoever_lost_a_session_is_served_before_those_who_came_later),
        cmocka_unit_test(cancelling_is_quiet),
        cmocka_unit_test(a_reload_keeps_what_did_not_change),
        cmocka_unit_test(a_draining_account_still_serves_who_waits),
        cmocka_unit_test(a_bad_reload_changes_nothing),
        cmocka_unit_test(shutting_down_answers_everybody),
        cmocka_unit_test(an_upstream_that_has_enough_of_us_is_waited_for),
        cmocka_unit_test(a_session_that_settles_is_waited_for),
        cmocka_unit_test(one_that_does_not_settle_in_time_is_not),
        cmocka_unit_test(two_who_wait_need_one_more_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
