/* Whose turn it is when sessions are short: shares of clients, rests, and who lets whom pass. */
#include "upstream_world.h"

#define FOUR BASIC "max_connections = 4\n"

static void ask_as(struct wish *x, struct world *w, const char *client)
{
    struct lease_wish wish = {0};
    assert_true(addr_parse(slice_of(client), &wish.client));
    *x = (struct wish){.w = w, .asked = sim_now(w->sim)};
    x->lease = account_acquire(world_account(w), &wish, &wish_events, x);
}

static void hold_as(struct wish *x, struct world *w, const char *client)
{
    ask_as(x, w, client);
    wish_wait(x);
    assert_true(x->acquired);
}

static void end_all(struct wish *xs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (xs[i].acquired && xs[i].lease)
            lease_return(&xs[i].lease, true);
        else if (xs[i].lease)
            lease_cancel(&xs[i].lease);
    }
}

static void one_client_has_half_while_others_wait(void **state)
{
    static struct wish hog[8], other[3];
    struct world w;
    (void)state;
    world_begin_with(&w, FOUR);
    for (size_t i = 0; i < 4; i++)
        hold_as(&hog[i], &w, "192.0.2.50");
    for (size_t i = 4; i < 8; i++)
        ask_as(&hog[i], &w, "192.0.2.50");
    for (size_t i = 0; i < 3; i++)
        ask_as(&other[i], &w, "192.0.2.51");
    wish_return(&hog[0]);
    assert_true(other[0].acquired);
    wish_return(&hog[1]);
    assert_true(other[1].acquired);
    assert_false(hog[4].acquired);
    /* each has what it may: the first in line */
    wish_return(&hog[2]);
    assert_true(hog[4].acquired && !other[2].acquired);
    wish_return(&other[0]);
    assert_true(other[2].acquired && !hog[5].acquired);
    /* nobody else waits any more */
    wish_return(&other[1]);
    assert_true(hog[5].acquired);
    end_all(hog, 8);
    end_all(other, 3);
    world_end(&w);
}

static void alone_it_may_have_all(void **state)
{
    static struct wish hog[5];
    struct world w;
    (void)state;
    world_begin_with(&w, FOUR);
    for (size_t i = 0; i < 4; i++)
        hold_as(&hog[i], &w, "192.0.2.50");
    ask_as(&hog[4], &w, "192.0.2.50");
    wish_return(&hog[0]);
    assert_true(hog[4].acquired);
    end_all(hog, 5);
    world_end(&w);
}

/* A message that nobody waits for lets every client pass that came after it. */
static void clients_go_before_what_yields(void **state)
{
    static struct wish holder, kept, client;
    struct world w;
    (void)state;
    world_begin_with(&w, BASIC "max_connections = 1\n");
    hold_as(&holder, &w, "192.0.2.50");
    struct lease_wish wish = {.yields = true};
    kept = (struct wish){.w = &w, .asked = sim_now(w.sim)};
    kept.lease = account_acquire(world_account(&w), &wish, &wish_events, &kept);
    ask_as(&client, &w, "192.0.2.51");
    wish_return(&holder);
    assert_true(client.acquired && !kept.acquired);
    wish_return(&client);
    assert_true(kept.acquired);
    lease_return(&kept.lease, true);
    world_end(&w);
}

static void an_ipv6_network_is_one_client(void **state)
{
    static struct wish hog[5], other;
    struct world w;
    (void)state;
    world_begin_with(&w, FOUR);
    hold_as(&hog[0], &w, "2001:db8::1");
    hold_as(&hog[1], &w, "2001:db8::2");
    hold_as(&hog[2], &w, "2001:db8::3");
    hold_as(&hog[3], &w, "2001:db8::4");
    ask_as(&hog[4], &w, "2001:db8::5");
    ask_as(&other, &w, "2001:db8:0:1::1");
    wish_return(&hog[0]);
    assert_true(other.acquired && !hog[4].acquired);
    end_all(hog, 5);
    end_all(&other, 1);
    world_end(&w);
}

static void a_rest_ends_when_others_have_waited(void **state)
{
    static struct wish held[4], other;
    struct world w;
    (void)state;
    world_begin_with(&w, FOUR);
    for (size_t i = 0; i < 4; i++) {
        hold_as(&held[i], &w, i < 2 ? "192.0.2.50" : "192.0.2.51");
        if (i != 1)
            lease_rest(held[i].lease, true, sim_now(w.sim));
    }
    ask_as(&other, &w, "192.0.2.52");
    assert_in_range(wish_wait(&other), 9 * S, 10 * S);
    /* the one that rests longest, and no more than are wanted */
    assert_true(held[0].recalled);
    assert_false(held[1].recalled || held[2].recalled || held[3].recalled);
    end_all(held, 4);
    end_all(&other, 1);
    world_end(&w);
}

static void beyond_its_share_it_ends_sooner(void **state)
{
    static struct wish held[4], other[3];
    struct world w;
    (void)state;
    world_begin_with(&w, FOUR);
    for (size_t i = 0; i < 4; i++) {
        hold_as(&held[i], &w, "192.0.2.50");
        lease_rest(held[i].lease, true, sim_now(w.sim));
    }
    for (size_t i = 0; i < 3; i++)
        ask_as(&other[i], &w, "192.0.2.51");
    assert_in_range(wish_wait(&other[0]), 0, 1 * S);
    assert_in_range(wish_wait(&other[1]), 0, 1 * S);
    assert_in_range(wish_wait(&other[2]), 9 * S, 10 * S);
    end_all(held, 4);
    end_all(other, 3);
    world_end(&w);
}

static void who_asks_for_something_goes_before_who_does_not(void **state)
{
    static struct wish held[4], idle[3], other;
    struct world w;
    (void)state;
    world_begin_with(&w, FOUR);
    for (size_t i = 0; i < 4; i++)
        hold_as(&held[i], &w, "192.0.2.50");
    for (size_t i = 0; i < 3; i++) {
        ask_as(&idle[i], &w, "192.0.2.51");
        lease_rest(idle[i].lease, true, sim_now(w.sim));
    }
    ask_as(&other, &w, "192.0.2.52");
    lease_rest(idle[2].lease, false, 0);
    wish_return(&held[0]);
    /* its place in the queue is still its own */
    assert_true(idle[2].acquired);
    wish_return(&held[1]);
    assert_true(other.acquired && !idle[0].acquired);
    wish_return(&held[2]);
    assert_true(idle[0].acquired);
    end_all(held, 4);
    end_all(idle, 3);
    end_all(&other, 1);
    world_end(&w);
}

/* Who waits and asks for nothing takes nothing from who rests, or they would hand a session round
 * for ever. */
static void who_rests_recalls_nobody(void **state)
{
    static struct wish held[4], idle;
    struct world w;
    (void)state;
    world_begin_with(&w, FOUR);
    for (size_t i = 0; i < 4; i++) {
        hold_as(&held[i], &w, "192.0.2.50");
        lease_rest(held[i].lease, true, sim_now(w.sim));
    }
    ask_as(&idle, &w, "192.0.2.51");
    lease_rest(idle.lease, true, sim_now(w.sim));
    sim_run_for(w.sim, 20 * S);
    assert_false(idle.acquired);
    for (size_t i = 0; i < 4; i++)
        assert_false(held[i].recalled);
    end_all(held, 4);
    end_all(&idle, 1);
    world_end(&w);
}

/* ---- one session too many ---- */

static void it_waits_and_no_port_is_said_to_fail(void **state)
{
    struct world w;
    struct wish a, b;
    (void)state;
    world_begin(&w);
    world_server(&w, AT587);
    world_server(&w, ADDRESS ":2525");
    world_load(&w, BASIC "ports = 587 2525\n");
    wish_hold(&a, &w);
    sim_upstream_script(w.up[0])->greeting = "421 4.3.2 Concurrent connections limit exceeded";
    wish_ask(&b, &w);
    assert_int_equal(wish_wait(&b), 25 * S);
    assert_int_equal(b.why, REFUSAL_BUSY);
    assert_string_equal(b.words, "all 1 that it lets us have are busy");
    assert_int_equal(report_of(&w, 587)->finding, FINDING_WORKS);
    /* the same provider */
    assert_int_equal(report_of(&w, 2525)->finding, FINDING_UNTRIED);
    assert_int_equal(account_standing(world_account(&w)), STANDING_WORKS);
    /* it asks more and more rarely */
    assert_true(w.ledger->sessions <= 7);
    wish_return(&a);
    wish_hold(&b, &w);
    wish_return(&b);
    world_end(&w);
}

/* A session of ours that ends makes room at the provider: that is not waited for. */
static void the_place_of_one_that_ended_is_taken_at_once(void **state)
{
    struct world w;
    struct wish a, b, c;
    (void)state;
    world_begin_with(&w, BASIC);
    struct sim_upstream_script *script = sim_upstream_script(w.up[0]);
    script->cap = 2;
    script->cap_at = SIM_AT_AUTH;
    script->cap_reply = "454 4.7.0 too many";
    wish_hold(&a, &w);
    wish_hold(&b, &w);
    wish_ask(&c, &w);
    sim_run_for(w.sim, 16 * S);
    assert_false(c.acquired);
    carrier_quit(&(struct carrier *){lease_carrier(a.lease)});
    lease_drop(&a.lease, true, NULL);
    usec from = sim_now(w.sim);
    wish_wait(&c);
    assert_true(c.acquired && c.answered - from < 1 * S);
    wish_return(&b);
    wish_return(&c);
    world_end(&w);
}

/* Two dials at once: the one that gets in hears so later than the other hears its refusal. */
static void one_that_gets_in_at_the_same_time_counts(void **state)
{
    struct world w;
    struct wish a, b, c;
    (void)state;
    world_begin(&w);
    struct sim_upstream_script *script = world_server(&w, AT587);
    world_server(&w, ADDRESS ":2525")->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_GREETING, .fault = SIM_FAULT_STALL};
    world_load(&w, BASIC "ports = 587 2525\n");
    wish_hold(&a, &w);
    carrier_quit(&(struct carrier *){lease_carrier(a.lease)});
    lease_drop(&a.lease, true, NULL);
    sim_run_for(w.sim, 1 * S);
    script->cap = 1;
    script->cap_at = SIM_AT_AUTH;
    script->cap_reply = "454 4.7.0 too many";
    script->faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_AUTH, .fault = SIM_FAULT_SLOW, .skip = 1, .times = 1, .delay = 2 * S};
    wish_ask(&b, &w);
    wish_ask(&c, &w);
    sim_run_for(w.sim, 15 * S);
    assert_true(b.acquired);
    assert_false(c.acquired || c.refused);
    assert_int_equal(account_standing(world_account(&w)), STANDING_WORKS);
    wish_return(&b);
    assert_true(c.acquired);
    wish_return(&c);
    world_end(&w);
}

static void a_probe_that_is_one_too_many_comes_again_when_it_is_due(void **state)
{
    struct world w;
    struct wish a;
    (void)state;
    world_begin(&w);
    world_server(&w, ADDRESS ":2525");
    world_load(&w, BASIC "ports = 587 2525\nreprobe = 1m\nmax_age = 1h\n");
    wish_hold(&a, &w);
    assert_int_equal(a.port, 2525);
    world_server(&w, AT587)->greeting = "421 4.3.2 Concurrent connections limit exceeded";
    sim_run_for(w.sim, 10 * 60 * S);
    assert_in_range(w.ledger->sessions, 3, 12);
    assert_int_equal(report_of(&w, 587)->finding, FINDING_REFUSED);
    wish_return(&a);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_client_has_half_while_others_wait),
        cmocka_unit_test(alone_it_may_have_all),
        cmocka_unit_test(clients_go_before_what_yields),
        cmocka_unit_test(an_ipv6_network_is_one_client),
        cmocka_unit_test(a_rest_ends_when_others_have_waited),
        cmocka_unit_test(beyond_its_share_it_ends_sooner),
        cmocka_unit_test(who_asks_for_something_goes_before_who_does_not),
        cmocka_unit_test(who_rests_recalls_nobody),
        cmocka_unit_test(it_waits_and_no_port_is_said_to_fail),
        cmocka_unit_test(the_place_of_one_that_ended_is_taken_at_once),
        cmocka_unit_test(one_that_gets_in_at_the_same_time_counts),
        cmocka_unit_test(a_probe_that_is_one_too_many_comes_again_when_it_is_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
