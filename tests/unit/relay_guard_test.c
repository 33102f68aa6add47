/* Who may try a login: limits, the window, the cap on what is remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/caps.h"
#include "relay/guard.h"

static struct addr at(const char *text)
{
    struct addr a;
    assert_true(addr_parse(slice_of(text), &a));
    return a;
}

static bool fail_once(struct guard *g, const char *from, usec now)
{
    struct addr a = at(from);
    assert_int_equal(guard_begin(g, &a, now), GUARD_GO);
    return guard_end(g, &a, true, now);
}

static enum guard_word ask(struct guard *g, const char *from, usec now)
{
    struct addr a = at(from);
    enum guard_word word = guard_begin(g, &a, now);
    if (word == GUARD_GO)
        guard_end(g, &a, false, now);
    return word;
}

static void ten_in_ten_minutes(void **state)
{
    struct guard g;
    (void)state;
    guard_init(&g);
    for (int i = 0; i < 10; i++)
        assert_int_equal(fail_once(&g, "192.0.2.1", i * 30 * USEC_PER_SEC), i == 9);
    assert_int_equal(ask(&g, "192.0.2.1", 300 * USEC_PER_SEC), GUARD_SHUT);
    assert_int_equal(ask(&g, "::ffff:192.0.2.1", 300 * USEC_PER_SEC), GUARD_SHUT);
    assert_int_equal(ask(&g, "192.0.2.2", 300 * USEC_PER_SEC), GUARD_GO);
    assert_int_equal(ask(&g, "192.0.2.1", 600 * USEC_PER_SEC - 1), GUARD_SHUT);
    /* the first is forgotten, and this is the tenth again */
    assert_true(fail_once(&g, "192.0.2.1", 600 * USEC_PER_SEC));
    assert_int_equal(ask(&g, "192.0.2.1", 601 * USEC_PER_SEC), GUARD_SHUT);
    assert_int_equal(ask(&g, "192.0.2.1", 631 * USEC_PER_SEC), GUARD_GO);
    guard_free(&g);
}

static void a_whole_network_of_ipv6_counts_as_one(void **state)
{
    struct guard g;
    char from[64];
    (void)state;
    guard_init(&g);
    for (int i = 0; i < 10; i++) {
        snprintf(from, sizeof from, "2001:db8:0:1::%x", i + 1);
        fail_once(&g, from, 0);
    }
    assert_int_equal(ask(&g, "2001:db8:0:1:ffff::9", 1), GUARD_SHUT);
    assert_int_equal(ask(&g, "2001:db8:0:2::1", 1), GUARD_GO);
    guard_free(&g);
}

static void many_at_once(void **state)
{
    struct guard g;
    struct addr a = at("192.0.2.1");
    (void)state;
    guard_init(&g);
    for (int i = 0; i < 10; i++)
        assert_int_equal(guard_begin(&g, &a, 0), GUARD_GO);
    assert_int_equal(guard_begin(&g, &a, 0), GUARD_WAIT);
    guard_end(&g, &a, false, 0);
    assert_int_equal(guard_begin(&g, &a, 0), GUARD_GO);
    for (int i = 0; i < 10; i++)
        assert_int_equal(guard_end(&g, &a, true, 0), i == 9);
    assert_int_equal(guard_begin(&g, &a, 0), GUARD_SHUT);
    guard_free(&g);
}

static void the_oldest_is_forgotten(void **state)
{
    struct guard g;
    char from[64];
    (void)state;
    guard_init(&g);
    for (int i = 0; i < 10; i++)
        fail_once(&g, "192.0.2.1", 0);
    for (int i = 0; i < CAP_LOGIN_FAILURES - 1; i++) {
        snprintf(from, sizeof from, "10.0.%d.%d", i / 256, i % 256);
        fail_once(&g, from, 1);
    }
    assert_int_equal(g.n, CAP_LOGIN_FAILURES);
    /* and is the newest by that */
    assert_int_equal(ask(&g, "192.0.2.1", 2), GUARD_SHUT);
    fail_once(&g, "10.9.0.1", 2);
    assert_int_equal(g.n, CAP_LOGIN_FAILURES);
    assert_int_equal(ask(&g, "192.0.2.1", 2), GUARD_SHUT);
    /* a success leaves nothing behind */
    assert_int_equal(ask(&g, "198.51.100.1", 2), GUARD_GO);
    assert_int_equal(g.n, CAP_LOGIN_FAILURES - 1);
    guard_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ten_in_ten_minutes),
                                       cmocka_unit_test(a_whole_network_of_ipv6_counts_as_one),
                                       cmocka_unit_test(many_at_once),
                                       cmocka_unit_test(the_oldest_is_forgotten)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
