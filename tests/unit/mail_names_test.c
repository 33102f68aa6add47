/* Names of `destinations` in the simulated world: resolved in the background, rotation remembered,
 * silence of the resolver told apart from "no such name". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "mail/names.h"
#include "sim/sim.h"

static struct addr address(const char *text)
{
    struct addr a;
    assert_true(addr_parse(slice_of(text), &a));
    return a;
}

static enum names_verdict have(const struct names *n, const char *host, const char *text)
{
    struct addr a = address(text);
    return names_have(n, host, &a);
}

static void life_of_a_name(void **state)
{
    static const char *const hosts[] = {"mail.provider.test", "gone.test", "192.0.2.9"};
    struct sim *sim = sim_new(1);
    struct names *n = names_new(sim_io(sim));
    (void)state;
    sim_name(sim, "mail.provider.test", "192.0.2.1 2001:db8::1");
    names_watch(n, hosts, 3);
    assert_int_equal(have(n, "mail.provider.test", "192.0.2.1"), NAMES_UNKNOWN);
    sim_run_for(sim, 2 * USEC_PER_SEC);
    assert_int_equal(have(n, "Mail.Provider.TEST", "192.0.2.1"), NAMES_YES);
    assert_int_equal(have(n, "mail.provider.test", "2001:db8::1"), NAMES_YES);
    assert_int_equal(have(n, "mail.provider.test", "192.0.2.2"), NAMES_NO);
    assert_int_equal(have(n, "gone.test", "192.0.2.2"), NAMES_NO);
    assert_int_equal(have(n, "192.0.2.9", "192.0.2.9"), NAMES_YES);
    assert_int_equal(have(n, "unwatched.test", "192.0.2.9"), NAMES_UNKNOWN);
    /* Rotation: what it had a minute ago still counts, and what it has now does too. */
    sim_name(sim, "mail.provider.test", "192.0.2.2");
    sim_run_for(sim, 61 * USEC_PER_SEC);
    assert_int_equal(have(n, "mail.provider.test", "192.0.2.1"), NAMES_YES);
    assert_int_equal(have(n, "mail.provider.test", "192.0.2.2"), NAMES_YES);
    /* No longer asked for: forgotten, and nothing is left running. */
    names_watch(n, hosts, 0);
    assert_int_equal(have(n, "mail.provider.test", "192.0.2.1"), NAMES_UNKNOWN);
    names_watch(n, hosts, 1);
    /* with questions under way */
    names_free(&n);
    sim_run_for(sim, 2 * USEC_PER_SEC);
    assert_int_equal(sim_living(sim).timers, 0);
    sim_free(&sim);
}

static void no_more_than_the_cap(void **state)
{
    static const char *const hosts[] = {"many.test"};
    struct sim *sim = sim_new(1);
    struct names *n = names_new(sim_io(sim));
    char text[ADDR_TEXT];
    (void)state;
    sim_name(sim, "many.test", "10.0.0.1");
    names_watch(n, hosts, 1);
    for (unsigned i = 1; i <= 40; i++) {
        snprintf(text, sizeof text, "10.0.0.%u", i);
        sim_name(sim, "many.test", text);
        sim_run_for(sim, 61 * USEC_PER_SEC);
        assert_int_equal(have(n, "many.test", text), NAMES_YES);
    }
    assert_int_equal(have(n, "many.test", "10.0.0.1"), NAMES_NO);
    assert_int_equal(have(n, "many.test", "10.0.0.9"), NAMES_YES);
    names_free(&n);
    sim_free(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(life_of_a_name),
                                       cmocka_unit_test(no_more_than_the_cap)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
