/* How many sessions a provider lets us have: learnt, tried again, forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "upstream/ceiling.h"

#define S USEC_PER_SEC

static void only_some_codes_mean_it(void **state)
{
    (void)state;
    assert_true(ceiling_is_meant_by(421) && ceiling_is_meant_by(432) && ceiling_is_meant_by(454));
    assert_false(ceiling_is_meant_by(450) || ceiling_is_meant_by(451) || ceiling_is_meant_by(452) ||
                 ceiling_is_meant_by(535) || ceiling_is_meant_by(0));
}

static void nothing_known_limits_nothing(void **state)
{
    (void)state;
    struct ceiling c = {0};
    assert_int_equal(ceiling_limit(&c, 20, 5 * S), 20);
    assert_int_equal(ceiling_wait(&c, 5 * S), 0);
    ceiling_raise(&c, 7, 20, 5 * S);
    assert_int_equal(ceiling_limit(&c, 20, 5 * S), 20);
}

static void each_try_doubles_the_wait(void **state)
{
    (void)state;
    struct ceiling c = {0};
    usec now = 100 * S, wait = 1 * S;
    for (int i = 0; i < 10; i++) {
        ceiling_hit(&c, 4, now);
        assert_int_equal(ceiling_limit(&c, 20, now), 4);
        assert_int_equal(ceiling_wait(&c, now), wait);
        assert_int_equal(ceiling_limit(&c, 20, now + wait - 1), 4);
        now += wait;
        /* one more */
        assert_int_equal(ceiling_limit(&c, 20, now), 5);
        assert_int_equal(ceiling_wait(&c, now), 0);
        wait = wait < 64 * S ? 2 * wait : wait;
    }
    assert_int_equal(ceiling_limit(&c, 3, now), 3);
}

static void a_burst_is_one_try(void **state)
{
    (void)state;
    struct ceiling c = {0};
    for (unsigned i = 0; i < 10; i++)
        ceiling_hit(&c, 1 + i / 3, 100 * S);
    assert_int_equal(ceiling_wait(&c, 100 * S), 1 * S);
    assert_int_equal(ceiling_limit(&c, 20, 100 * S), 4);
    /* those that were under way and got in */
    ceiling_raise(&c, 9, 20, 100 * S + S / 2);
    assert_int_equal(ceiling_limit(&c, 20, 100 * S + S / 2), 9);
}

static void what_got_in_allows_one_more_until_all_are_there(void **state)
{
    (void)state;
    struct ceiling c = {0};
    ceiling_hit(&c, 4, 100 * S);
    for (unsigned n = 5; n < 20; n++) {
        assert_int_equal(ceiling_limit(&c, 20, 101 * S), n);
        ceiling_raise(&c, n, 20, 101 * S);
    }
    ceiling_raise(&c, 20, 20, 101 * S);
    assert_int_equal(c.sessions, 0);
}

static void after_a_success_the_waits_begin_anew(void **state)
{
    (void)state;
    struct ceiling c = {0};
    ceiling_hit(&c, 4, 100 * S);
    ceiling_hit(&c, 4, 101 * S);
    assert_int_equal(ceiling_wait(&c, 101 * S), 2 * S);
    ceiling_raise(&c, 5, 20, 103 * S);
    ceiling_hit(&c, 5, 103 * S);
    assert_int_equal(ceiling_wait(&c, 103 * S), 1 * S);
    ceiling_forget(&c);
    assert_int_equal(ceiling_limit(&c, 20, 103 * S), 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_some_codes_mean_it),
        cmocka_unit_test(nothing_known_limits_nothing),
        cmocka_unit_test(each_try_doubles_the_wait),
        cmocka_unit_test(a_burst_is_one_try),
        cmocka_unit_test(what_got_in_allows_one_more_until_all_are_there),
        cmocka_unit_test(after_a_success_the_waits_begin_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
