/* The sliding window: never more than the limit in any period; what it says of the wait is true. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/window.h"

#define MINUTE (60 * USEC_PER_SEC)

static void as_many_as_the_limit(void **state)
{
    struct window w = {0};
    usec now = 1234567;
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(window_take(&w, 5, MINUTE, now + i * USEC_PER_SEC));
    assert_false(window_take(&w, 5, MINUTE, now + MINUTE / 2));
    assert_int_equal(window_count(&w, now + MINUTE / 2), 5);
    assert_true(window_take(&w, 5, MINUTE, now + MINUTE + MINUTE / WINDOW_SLOTS));
    assert_int_equal(window_count(&w, now + 10 * MINUTE), 0);
}

static void what_did_not_happen(void **state)
{
    struct window w = {0};
    (void)state;
    assert_true(window_take(&w, 1, MINUTE, MINUTE));
    window_give_back(&w, MINUTE, MINUTE + 5 * USEC_PER_SEC);
    assert_true(window_take(&w, 1, MINUTE, MINUTE + 5 * USEC_PER_SEC));
    /* twice: nothing is there to take back */
    window_give_back(&w, MINUTE, MINUTE + 6 * USEC_PER_SEC);
    assert_int_equal(window_count(&w, MINUTE + 6 * USEC_PER_SEC), 1);
    /* long gone */
    window_give_back(&w, MINUTE + 5 * USEC_PER_SEC, 9 * MINUTE);
    assert_int_equal(window_count(&w, 9 * MINUTE), 0);
}

static void another_period_begins_anew(void **state)
{
    struct window w = {0};
    (void)state;
    assert_true(window_take(&w, 1, MINUTE, MINUTE));
    assert_true(window_take(&w, 1, 2 * MINUTE, MINUTE));
    assert_false(window_take(&w, 1, 2 * MINUTE, MINUTE));
}

static void by_lot(void **state)
{
    static usec taken[20000];
    (void)state;
    srand(7);
    for (int round = 0; round < 50; round++) {
        struct window w = {0};
        unsigned limit = 1 + (unsigned)rand() % 20;
        usec period = 1 + rand() % (int)MINUTE, now = rand();
        size_t n = 0;
        for (int i = 0; i < 400; i++) {
            usec wait = window_wait(&w, limit, period, now);
            struct window copy = w;
            assert_true(wait >= 0 && wait <= period + period / WINDOW_SLOTS + 1);
            assert_int_equal(window_take(&copy, limit, period, now), wait == 0);
            if (wait > 0) {
                copy = w;
                assert_false(window_take(&copy, limit, period, now + wait - 1));
                now += wait;
            }
            assert_true(window_take(&w, limit, period, now));
            taken[n++] = now;
            if (n > limit)
                assert_true(now - taken[n - 1 - limit] >= period);
            now += rand() % (int)(period / limit + 2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_the_limit), cmocka_unit_test(what_did_not_happen),
        cmocka_unit_test(another_period_begins_anew), cmocka_unit_test(by_lot)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
