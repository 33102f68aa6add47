/* Which refused clients are remembered, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "mail/refusals.h"

static struct addr address(const char *text, uint16_t port)
{
    struct addr a;
    assert_true(addr_parse(slice_of(text), &a));
    a.port = port;
    return a;
}

static void test_one_line_per_client_and_reason(void **state)
{
    struct refused_clients r = {0};
    struct addr scanner = address("192.0.2.7", 40000), again = address("192.0.2.7", 40001);
    (void)state;
    refusals_note(&r, &scanner, "lan", CLIENT_NOT_ALLOWED, 1);
    refusals_note(&r, &again, "lan", CLIENT_NOT_ALLOWED, 2);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.list[0].count, 2);
    assert_int_equal(r.list[0].last_ms, 2);
    assert_int_equal(r.list[0].client.port, 0);
    refusals_note(&r, &again, "lan", CLIENT_LOGIN_WRONG, 3);
    refusals_note(&r, &again, "dmz", CLIENT_NOT_ALLOWED, 4);
    assert_int_equal(r.n, 3);
    assert_string_equal(r.list[0].listener, "dmz");
    assert_int_equal(r.list[1].why, CLIENT_LOGIN_WRONG);
    refusals_note(&r, &scanner, "lan", CLIENT_NOT_ALLOWED, 5);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.list[0].count, 3);
    assert_string_equal(r.list[0].listener, "lan");
    assert_int_equal(r.list[2].why, CLIENT_LOGIN_WRONG);
}

/* Strangers who knock once do not push out the scanner that comes again and again. */
static void test_the_one_of_longest_ago_gives_way(void **state)
{
    struct refused_clients r = {0};
    struct addr scanner = address("192.0.2.7", 1), gone = address("192.0.2.8", 1);
    char text[32];
    (void)state;
    refusals_note(&r, &gone, "lan", CLIENT_NOT_ALLOWED, 1);
    for (int i = 0; i < 3 * CAP_REFUSED_CLIENTS; i++) {
        snprintf(text, sizeof text, "198.51.100.%d", i % 250);
        struct addr stranger = address(text, 1);
        refusals_note(&r, &stranger, "lan", CLIENT_NOT_ALLOWED, i);
        if (i % 10 == 0)
            refusals_note(&r, &scanner, "lan", CLIENT_NOT_ALLOWED, i);
    }
    assert_int_equal(r.n, CAP_REFUSED_CLIENTS);
    uint64_t count = 0;
    for (size_t i = 0; i < r.n; i++) {
        if (addr_equal(&r.list[i].client, &(struct addr){0}))
            fail();
        struct addr bare = scanner;
        bare.port = 0;
        if (addr_equal(&r.list[i].client, &bare))
            count = r.list[i].count;
        bare = gone;
        bare.port = 0;
        assert_false(addr_equal(&r.list[i].client, &bare));
    }
    assert_int_equal(count, (3 * CAP_REFUSED_CLIENTS + 9) / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_line_per_client_and_reason),
        cmocka_unit_test(test_the_one_of_longest_ago_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
