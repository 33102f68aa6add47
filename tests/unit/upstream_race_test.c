/* The race: which port wins when, what the others are found to be, and who may send AUTH. */
#include "upstream_world.h"

#define AT(port) ADDRESS ":" #port

static void the_first_port_wins(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_server(&w, AT(587));
    world_server(&w, AT(2525));
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.acquired);
    assert_int_equal(x.port, 587);
    assert_int_equal(w.ledger->sessions, 1);
    assert_int_equal(account_standing(world_account(&w)), STANDING_WORKS);
    assert_true(account_facts(world_account(&w))->known);
    assert_int_equal(account_facts(world_account(&w))->size, 10000000);
    assert_int_equal(report_of(&w, 2525)->finding, FINDING_UNTRIED);
    wish_return(&x);
    world_end(&w);
}

/* The bound of the issue: port_patience + 100 ms on a network without latency. */
static void no_latency(struct world *w)
{
    sim_path_default(w->sim)->latency = 0;
}

static void a_black_hole_costs_the_patience(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    no_latency(&w);
    sim_path(w.sim, AT(587))->syn = SIM_DROPPED;
    world_server(&w, AT(2525));
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    assert_true(wish_wait(&x) <= 600 * MS);
    assert_int_equal(x.port, 2525);
    assert_int_equal(report_of(&w, 587)->finding, FINDING_TIMEOUT_CONNECT);
    assert_true(sim_log_has(w.sim, "firewall is probably dropping"));
    wish_return(&x);
    world_end(&w);
}

static void silence_after_connect_costs_the_patience(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    no_latency(&w);
    world_server(&w, AT(587))->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_GREETING, .fault = SIM_FAULT_STALL};
    world_server(&w, AT(2525));
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    assert_true(wish_wait(&x) <= 600 * MS);
    assert_int_equal(x.port, 2525);
    assert_int_equal(report_of(&w, 587)->finding, FINDING_TIMEOUT_GREETING);
    assert_true(sim_log_has(
        w.sim,
        "587 accepts the connection but never greets: a firewall is probably swallowing SMTP"));
    wish_return(&x);
    world_end(&w);
}

static void many_addresses_and_dropped_questions_change_nothing(void **state)
{
    struct world w;
    struct wish x;
    char addresses[1024] = "", one[32];
    (void)state;
    world_begin(&w);
    no_latency(&w);
    for (int i = 1; i <= 50; i++) {
        snprintf(one, sizeof one, "192.0.2.%d:587", i);
        sim_path(w.sim, one)->syn = SIM_DROPPED;
        snprintf(one, sizeof one, " 192.0.2.%d", i);
        strcat(addresses, one);
    }
    sim_name(w.sim, HOST, addresses);
    sim_name_manner(w.sim, HOST, ADDR_V6, SIM_DNS_SILENT, 0);
    world_server(&w, AT(2525));
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    /* and the 50 ms that AAAA is waited for */
    assert_true(wish_wait(&x) <= 650 * MS);
    assert_int_equal(x.port, 2525);
    wish_return(&x);
    world_end(&w);
}

static void a_dead_family_costs_one_address_delay(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    no_latency(&w);
    sim_name(w.sim, HOST, "2001:db8::1 " ADDRESS);
    sim_path(w.sim, "[2001:db8::1]:587")->syn = SIM_DROPPED;
    world_server(&w, AT(587));
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    usec took = wish_wait(&x);
    assert_true(took >= 250 * MS && took <= 350 * MS);
    assert_int_equal(x.port, 587);
    wish_return(&x);
    world_end(&w);
}

static void each_address_is_tried_at_most_eight(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    sim_name(w.sim, HOST,
             "192.0.2.11 192.0.2.12 192.0.2.13 192.0.2.14 192.0.2.15 192.0.2.16 192.0.2.17 "
             "192.0.2.18 192.0.2.19");
    /* the ninth is never reached */
    world_server(&w, "192.0.2.19:587");
    world_load(&w, BASIC "ports = 587\n");
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.refused);
    assert_int_equal(x.why, REFUSAL_NO_PORT);
    assert_string_equal(x.words, "587 refused");
    assert_int_equal(w.ledger->sessions, 0);
    world_end(&w);
}

static void auth_is_not_raced(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    struct sim_upstream_script *s = world_server(&w, AT(587));
    s->password = "another";
    s->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_AUTH, .fault = SIM_FAULT_SLOW, .delay = 3 * S};
    world_server(&w, AT(2525))->password = "another";
    world_server(&w, AT(1025))->password = "another";
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.refused);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    /* though all three ports stood at the gate */
    assert_int_equal(logins_at(&w, 0), 1);
    assert_true(w.ledger->sessions == 3);
    assert_int_equal(account_standing(world_account(&w)), STANDING_AUTH_REFUSED);
    assert_int_equal(report_of(&w, 587)->finding, FINDING_AUTH_REFUSED);
    world_end(&w);
}

static void a_temporary_refusal_lets_the_next_in(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    struct sim_upstream_script *s = world_server(&w, AT(587));
    s->faults[0] = (struct sim_fault_rule){.step = SIM_AT_AUTH,
                                           .fault = SIM_FAULT_REPLY,
                                           .text = "454 4.7.0 try later\r\n",
                                           .times = 1};
    world_server(&w, AT(2525));
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.acquired);
    assert_int_equal(x.port, 2525);
    assert_int_equal(report_of(&w, 587)->finding, FINDING_AUTH_TEMPORARY);
    wish_return(&x);
    world_end(&w);
}

static void a_silent_auth_lets_the_next_in_at_the_deadline(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_server(&w, AT(587))->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_AUTH, .fault = SIM_FAULT_STALL};
    world_server(&w, AT(2525))->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_AUTH, .fault = SIM_FAULT_STALL};
    world_server(&w, AT(1025));
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    usec took = wish_wait(&x);
    assert_true(x.acquired);
    /* 1025 waited at the gate for longer than its connect_timeout: its clock stood still
     * meanwhile. */
    assert_int_equal(x.port, 1025);
    assert_true(took >= 19 * S && took < 21 * S);
    assert_int_equal(report_of(&w, 587)->finding, FINDING_TIMEOUT_AUTH);
    assert_int_equal(report_of(&w, 2525)->finding, FINDING_TIMEOUT_AUTH);
    /* What a port waited for the others' logins is not its own time. */
    assert_true(report_of(&w, 587)->took > 9 * S);
    assert_true(report_of(&w, 1025)->took > 0 && report_of(&w, 1025)->took < S);
    wish_return(&x);
    world_end(&w);
}

/* Its line never ends, but its meaning is out: another port must not see the same password. */
static void half_a_refusal_is_a_refusal(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_server(&w, AT(587))->faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_AUTH, .fault = SIM_FAULT_REPLY, .text = "535 5.7.8 bad cre"};
    world_server(&w, AT(2525));
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.refused);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    assert_int_equal(w.ledger->nlogins, 1);
    world_end(&w);
}

static void stall_auth_on_587(struct world *w, const char *addresses, size_t n)
{
    static const char *const at[] = {AT(587), "192.0.2.2:587", "192.0.2.3:587"};
    sim_name(w->sim, HOST, addresses);
    for (size_t i = 0; i < n; i++)
        world_server(w, at[i])->faults[0] =
            (struct sim_fault_rule){.step = SIM_AT_AUTH, .fault = SIM_FAULT_STALL};
}

static void after_a_silent_auth_another_port_goes_before_the_same(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    stall_auth_on_587(&w, ADDRESS " 192.0.2.2", 2);
    world_server(&w, AT(2525));
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    usec took = wish_wait(&x);
    assert_true(x.acquired);
    assert_int_equal(x.port, 2525);
    /* one silence, not one for each address of 587 */
    assert_true(took < 12 * S);
    wish_return(&x);
    world_end(&w);
}

static void a_race_that_takes_too_long_says_how_it_stands(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    stall_auth_on_587(&w, ADDRESS " 192.0.2.2 192.0.2.3", 3);
    struct sim_upstream_script *s = world_server(&w, AT(2525));
    s->tls.certificate.names = "portal.example.org";
    s->genuine = false;
    world_load(&w, BASIC "ports = 587 2525\n");
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.refused);
    /* 587 did speak TLS: it is not TLS that is wrong */
    assert_int_equal(x.why, REFUSAL_NO_PORT);
    assert_string_equal(x.words, "587 timeout-auth, 2525 certificate");
    world_end(&w);
}

static void a_slow_port_that_takes_steps_is_waited_for(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    /* a round trip of 400 ms: 500 ms of patience would not hold a TLS handshake's jitter */
    sim_path(w.sim, AT(587))->latency = 200 * MS;
    sim_path(w.sim, AT(2525))->latency = 0;
    struct sim_upstream_script *s = world_server(&w, AT(587));
    /* within 4 round trips */
    s->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_EHLO, .fault = SIM_FAULT_SLOW, .delay = 800 * MS};
    world_server(&w, AT(2525));
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(x.port, 587);
    assert_int_equal(w.ledger->sessions, 1);
    wish_return(&x);
    world_end(&w);
}

static void losers_say_quit(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_server(&w, AT(587))->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_AUTH, .fault = SIM_FAULT_SLOW, .delay = 2 * S};
    world_server(&w, AT(2525))->faults[0] =
        (struct sim_fault_rule){.step = SIM_AT_QUIT, .fault = SIM_FAULT_SLOW};
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(x.port, 587);
    sim_run_for(w.sim, 5 * S);
    /* QUIT came, from where it waited at the gate */
    assert_int_equal(sim_upstream_struck(w.up[1]), 1);
    assert_int_equal(sim_upstream_sessions(w.up[1]), 0);
    /* it had no chance to show what it is */
    assert_int_equal(report_of(&w, 2525)->finding, FINDING_UNTRIED);
    wish_return(&x);
    world_end(&w);
}

static void the_address_that_got_furthest_is_told(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    /* nothing listens at the second */
    sim_name(w.sim, HOST, ADDRESS " 192.0.2.2");
    world_server(&w, AT(587))->greeting = "554 5.7.1 no";
    world_load(&w, BASIC "ports = 587\n");
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.refused);
    assert_string_equal(x.words, "587 greeting-5xx");
    world_end(&w);
}

static void tls_trouble_alone_is_told_apart(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_server(&w, AT(587))->starttls = false;
    struct sim_upstream_script *s = world_server(&w, AT(2525));
    s->tls.certificate.names = "portal.example.org";
    s->genuine = false;
    /* nothing listens on 1025: it sent no bytes */
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.refused);
    assert_int_equal(x.why, REFUSAL_TLS);
    assert_string_equal(x.words, "587 no-starttls, 2525 certificate, 1025 refused");
    assert_non_null(strstr(report_of(&w, 2525)->words, "portal.example.org"));
    assert_int_equal(logins_at(&w, 0), 0);
    world_end(&w);
}

static void one_other_fault_is_no_tls_trouble(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_server(&w, AT(587))->starttls = false;
    world_server(&w, AT(2525))->greeting = "554 no";
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_NO_PORT);
    assert_string_equal(x.words, "587 no-starttls, 2525 greeting-5xx, 1025 refused");
    world_end(&w);
}

static void dns_failing_uses_the_last_good_addresses(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_server(&w, AT(587));
    world_load(&w, BASIC "idle_timeout = 1s\n");
    wish_ask(&x, &w);
    wish_wait(&x);
    wish_return(&x);
    sim_run_for(w.sim, 5 * S);
    for (int silent = 0; silent < 2; silent++) {
        sim_name_manner(w.sim, HOST, ADDR_V4, silent ? SIM_DNS_SILENT : SIM_DNS_FAILS, 0);
        sim_name_manner(w.sim, HOST, ADDR_V6, silent ? SIM_DNS_SILENT : SIM_DNS_FAILS, 0);
        wish_ask(&x, &w);
        assert_true(wish_wait(&x) < 1 * S);
        assert_true(x.acquired);
        wish_return(&x);
        sim_run_for(w.sim, 5 * S);
    }
    world_end(&w);
}

/* A router that drops AAAA questions: the only address is refused at once, and nobody waits for the
 * other family until connect_timeout. */
static void a_dropped_question_costs_the_patience_when_all_is_lost(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    no_latency(&w);
    sim_name_manner(w.sim, HOST, ADDR_V6, SIM_DNS_SILENT, 0);
    world_load(&w, BASIC "ports = 587\n");
    wish_ask(&x, &w);
    /* Two races, because what is refused at once may be a restart, and the second between them. */
    assert_true(wish_wait(&x) <= 2 * 600 * MS + 1 * S);
    assert_int_equal(x.why, REFUSAL_NO_PORT);
    assert_string_equal(x.words, "587 refused");
    world_end(&w);
}

/* ... but while something is still on its way, a late answer is one more chance. */
static void a_late_family_is_still_used(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    no_latency(&w);
    sim_name(w.sim, HOST, ADDRESS " 2001:db8::1");
    sim_name_manner(w.sim, HOST, ADDR_V6, SIM_DNS_ANSWERS, 2 * S);
    sim_path(w.sim, AT(587))->syn = SIM_DROPPED;
    world_server(&w, "[2001:db8::1]:587");
    world_load(&w, BASIC "ports = 587\n");
    wish_ask(&x, &w);
    usec took = wish_wait(&x);
    assert_true(x.acquired && took >= 2 * S && took < 3 * S);
    wish_return(&x);
    world_end(&w);
}

static void this_proxy_itself_is_found_out(void **state)
{
    struct world w;
    struct wish x;
    /* More listeners than anybody has, and the upstream is the last of them. */
    struct addr own[100] = {{0}};
    (void)state;
    world_begin(&w);
    world_server(&w, AT(587))->genuine = false;
    world_load(&w, BASIC "ports = 587\n");
    assert_true(addr_parse_with_port(slice_of(AT(587)), &own[99]));
    accounts_set_own_listeners(w.accounts, own, 100);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.refused);
    assert_int_equal(x.why, REFUSAL_LOOP);
    assert_true(sim_log_has(w.sim, "is this proxy itself"));
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_port_wins),
        cmocka_unit_test(a_black_hole_costs_the_patience),
        cmocka_unit_test(silence_after_connect_costs_the_patience),
        cmocka_unit_test(many_addresses_and_dropped_questions_change_nothing),
        cmocka_unit_test(a_dead_family_costs_one_address_delay),
        cmocka_unit_test(each_address_is_tried_at_most_eight),
        cmocka_unit_test(auth_is_not_raced),
        cmocka_unit_test(a_temporary_refusal_lets_the_next_in),
        cmocka_unit_test(a_silent_auth_lets_the_next_in_at_the_deadline),
        cmocka_unit_test(half_a_refusal_is_a_refusal),
        cmocka_unit_test(after_a_silent_auth_another_port_goes_before_the_same),
        cmocka_unit_test(a_race_that_takes_too_long_says_how_it_stands),
        cmocka_unit_test(a_slow_port_that_takes_steps_is_waited_for),
        cmocka_unit_test(losers_say_quit),
        cmocka_unit_test(the_address_that_got_furthest_is_told),
        cmocka_unit_test(tls_trouble_alone_is_told_apart),
        cmocka_unit_test(one_other_fault_is_no_tls_trouble),
        cmocka_unit_test(dns_failing_uses_the_last_good_addresses),
        cmocka_unit_test(a_dropped_question_costs_the_patience_when_all_is_lost),
        cmocka_unit_test(a_late_family_is_still_used),
        cmocka_unit_test(this_proxy_itself_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
