/* An account's rate: how many messages it takes in a while, who waits, and what a lost session
 * costs. */
#include "upstream_world.h"

/* ---- rate ---- */

static void a_rate_makes_messages_wait(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin_with(&w, BASIC "rate = 3/s\n");
    for (int i = 0; i < 3; i++) {
        wish_hold(&x, &w);
        wish_return(&x);
    }
    wish_ask(&x, &w);
    /* there is a session, but no place */
    assert_int_equal(account_pool_counts(world_account(&w)).idle, 1);
    usec took = wish_wait(&x);
    assert_true(x.acquired && took >= 800 * MS && took <= 1100 * MS);
    wish_return(&x);
    world_end(&w);
}

static void whoever_waits_too_long_hears_of_the_rate(void **state)
{
    struct world w;
    struct wish x, y;
    (void)state;
    world_begin_with(&w, BASIC "rate = 1/m\nacquire_timeout = 7s\n");
    wish_hold(&x, &w);
    wish_return(&x);
    wish_ask(&y, &w);
    assert_int_equal(wish_wait(&y), 7 * S);
    assert_int_equal(y.why, REFUSAL_RATE);
    sim_run_for(w.sim, 60 * S);
    wish_hold(&x, &w);
    /* no message went: its place is free */
    lease_return(&x.lease, false);
    wish_hold(&x, &w);
    wish_return(&x);
    world_end(&w);
}

static void a_lost_session_keeps_a_place_only_for_what_may_have_been_sent(void **state)
{
    struct world w;
    struct wish x, y;
    (void)state;
    world_begin_with(&w, BASIC "rate = 1/m\nacquire_timeout = 7s\n");
    for (int sent = 0; sent < 2; sent++) {
        wish_hold(&x, &w);
        struct carrier *client = lease_carrier(x.lease);
        carrier_quit(&client);
        lease_drop(&x.lease, sent, NULL);
    }
    wish_ask(&y, &w);
    wish_wait(&y);
    assert_int_equal(y.why, REFUSAL_RATE);
    world_end(&w);
}

static void never_more_than_the_rate(void **state)
{
    static struct wish xs[40];
    struct world w;
    usec when[40];
    (void)state;
    world_begin_with(&w, BASIC "rate = 10/s\nmax_connections = 4\n");
    for (size_t i = 0; i < 40; i++) {
        wish_hold(&xs[i], &w);
        when[i] = xs[i].answered;
        wish_return(&xs[i]);
        if (i >= 10)
            assert_true(when[i] - when[i - 10] >= 1 * S);
    }
    /* and not much less either */
    assert_true(when[39] - when[0] < 4 * S);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_makes_messages_wait),
        cmocka_unit_test(whoever_waits_too_long_hears_of_the_rate),
        cmocka_unit_test(a_lost_session_keeps_a_place_only_for_what_may_have_been_sent),
        cmocka_unit_test(never_more_than_the_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
