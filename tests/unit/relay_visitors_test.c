/* Connections and messages by client address: the numbers, the sliding window, the bound on what is
 * remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/caps.h"
#include "relay/visitors.h"

#define MINUTE (60 * USEC_PER_SEC)

static struct addr address(unsigned n)
{
    return (struct addr){.family = ADDR_V4,
                         .bytes = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
}

static void connections(void **state)
{
    struct visitors *v = visitors_new(7);
    struct addr a = address(1), b = address(2), six = {.family = ADDR_V6, .bytes = {10, 0, 0, 1}};
    (void)state;
    struct visitor *first = visitors_enter(v, &a), *second = visitors_enter(v, &a),
                   *other = visitors_enter(v, &six);
    assert_ptr_equal(first, second);
    assert_int_equal(visitors_clients(v, &a), 2);
    assert_int_equal(visitors_clients(v, &six), 1);
    assert_int_equal(visitors_clients(v, &b), 0);
    visitors_leave(v, &first, 0);
    assert_null(first);
    assert_int_equal(visitors_clients(v, &a), 1);
    visitors_leave(v, &second, 0);
    visitors_leave(v, &other, 0);
    assert_int_equal(visitors_clients(v, &a), 0);
    assert_int_equal(visitors_clients(v, &six), 0);
    visitors_free(&v);
    assert_null(v);
}

/* One host has all addresses of a /64, and an IPv4 address in two spellings is one. */
static void a_64_is_one_client(void **state)
{
    static const char *const same[] = {"2001:db8::1", "2001:db8::ffff:0:0:1", "2001:db8::2"};
    struct visitors *v = visitors_new(7);
    struct addr a, v4, mapped, other;
    struct visitor *all[3], *four;
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(addr_parse(slice_of(same[i]), &a));
        all[i] = visitors_enter(v, &a);
        assert_ptr_equal(all[i], all[0]);
        assert_int_equal(visitors_clients(v, &a), i + 1);
    }
    assert_true(visitors_may_send(all[0], 1, MINUTE, MINUTE));
    assert_false(visitors_may_send(all[2], 1, MINUTE, MINUTE));
    assert_true(addr_parse(slice_of("2001:db8:0:1::1"), &other));
    assert_int_equal(visitors_clients(v, &other), 0);
    assert_true(addr_parse(slice_of("192.0.2.1"), &v4));
    assert_true(addr_parse(slice_of("::ffff:192.0.2.1"), &mapped));
    four = visitors_enter(v, &mapped);
    assert_int_equal(visitors_clients(v, &v4), 1);
    visitors_leave(v, &four, MINUTE);
    for (int i = 0; i < 3; i++)
        visitors_leave(v, &all[i], MINUTE);
    visitors_free(&v);
}

static void window_slides(void **state)
{
    struct visitors *v = visitors_new(7);
    struct addr a = address(1);
    struct visitor *me = visitors_enter(v, &a);
    usec now = 1000 * MINUTE + 59 * USEC_PER_SEC;
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(visitors_may_send(me, 3, MINUTE, now + i * 10 * USEC_PER_SEC));
    assert_false(visitors_may_send(me, 3, MINUTE, now + 21 * USEC_PER_SEC));
    /* what is refused does not count, and a calendar minute means nothing */
    assert_false(visitors_may_send(me, 3, MINUTE, now + MINUTE - 1));
    assert_true(visitors_may_send(me, 3, MINUTE, now + MINUTE + MINUTE / 30));
    assert_false(visitors_may_send(me, 3, MINUTE, now + MINUTE + MINUTE / 30));
    /* long silence empties it */
    assert_true(visitors_may_send(me, 3, MINUTE, now + 100 * MINUTE));
    assert_true(visitors_may_send(me, 3, MINUTE, now + 100 * MINUTE));
    visitors_leave(v, &me, now + 100 * MINUTE);
    visitors_free(&v);
}

/* Whatever the moments: never more than the limit in any period. */
static void never_more_than_the_limit(void **state)
{
    enum { LIMIT = 5, TRIES = 20000 };
    static usec taken[TRIES];
    struct visitors *v = visitors_new(7);
    struct addr a = address(1);
    struct visitor *me = visitors_enter(v, &a);
    uint32_t chance = 1;
    usec now = 12345;
    size_t n = 0;
    (void)state;
    for (int i = 0; i < TRIES; i++) {
        chance = chance * 1664525 + 1013904223;
        now += chance >> (chance & 16 ? 10 : 16);
        if (!visitors_may_send(me, LIMIT, USEC_PER_SEC, now))
            continue;
        taken[n++] = now;
        if (n > LIMIT)
            assert_true(now - taken[n - 1 - LIMIT] >= USEC_PER_SEC);
    }
    assert_true(n > TRIES / 100);
    visitors_leave(v, &me, now);
    visitors_free(&v);
}

static void remembered_after_it_left(void **state)
{
    struct visitors *v = visitors_new(7);
    struct addr a = address(0);
    (void)state;
    struct visitor *me = visitors_enter(v, &a);
    assert_true(visitors_may_send(me, 1, MINUTE, 1));
    visitors_leave(v, &me, 2);
    me = visitors_enter(v, &a);
    assert_false(visitors_may_send(me, 1, MINUTE, 3));
    visitors_leave(v, &me, 4);
    /* a crowd passes through */
    for (unsigned i = 1; i <= CAP_RATE_ADDRESSES; i++) {
        struct addr other = address(i);
        struct visitor *one = visitors_enter(v, &other);
        assert_true(visitors_may_send(one, 1, MINUTE, 5));
        visitors_leave(v, &one, 5);
    }
    me = visitors_enter(v, &a);
    /* the oldest was forgotten: what is kept is bounded */
    assert_true(visitors_may_send(me, 1, MINUTE, 6));
    visitors_leave(v, &me, 6);
    struct addr last = address(CAP_RATE_ADDRESSES);
    me = visitors_enter(v, &last);
    assert_false(visitors_may_send(me, 1, MINUTE, 7));
    visitors_leave(v, &me, 7);
    visitors_free(&v);
}

static void another_rate_begins_anew(void **state)
{
    struct visitors *v = visitors_new(7);
    struct addr a = address(1);
    struct visitor *me = visitors_enter(v, &a);
    (void)state;
    assert_true(visitors_may_send(me, 1, MINUTE, 1));
    assert_false(visitors_may_send(me, 1, MINUTE, 2));
    assert_true(visitors_may_send(me, 1, 60 * MINUTE, 3));
    assert_false(visitors_may_send(me, 1, 60 * MINUTE, 59 * MINUTE));
    visitors_leave(v, &me, 3);
    visitors_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(connections),
                                       cmocka_unit_test(a_64_is_one_client),
                                       cmocka_unit_test(window_slides),
                                       cmocka_unit_test(never_more_than_the_limit),
                                       cmocka_unit_test(remembered_after_it_left),
                                       cmocka_unit_test(another_rate_begins_anew)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
