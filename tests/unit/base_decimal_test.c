/* Numbers as digits: those of printf, for all widths, and no octet beyond them. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/decimal.h"
#include "base/slice.h"

static void compare(uint64_t number, size_t width)
{
    char out[DECIMAL_ROOM + 1], expected[40];
    memset(out, '#', sizeof out);
    size_t n = decimal_put(out, number, width);
    snprintf(expected, sizeof expected, "%0*" PRIu64, (int)width, number);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(out, expected, n);
    for (size_t i = n; i < sizeof out; i++)
        assert_int_equal(out[i], '#');
}

static void digits_are_those_of_printf(void **state)
{
    const uint64_t numbers[] = {
        0, 1, 9, 10, 99, 100, 101, 999, 1000, 16384, INT64_MAX, UINT64_MAX, UINT64_MAX / 10};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        for (size_t width = 1; width <= DECIMAL_ROOM; width++)
            compare(numbers[i], width);
    char none[DECIMAL_ROOM];
    assert_int_equal(decimal_put(none, 0, 0), 0);
}

static void no_width_goes_beyond_the_room(void **state)
{
    char out[DECIMAL_ROOM + 1] = {0};
    (void)state;
    assert_int_equal(decimal_put(out, 7, 100), DECIMAL_ROOM);
    assert_string_equal(out, "00000000000000000007");
}

static void a_slice_is_written_and_cut(void **state)
{
    char out[6];
    (void)state;
    memset(out, '#', sizeof out);
    assert_ptr_equal(slice_write(slice_of("abc"), out, 5), out);
    assert_string_equal(out, "abc");
    assert_string_equal(slice_write(slice_of("abcd"), out, 5), "abcd");
    assert_string_equal(slice_write(slice_of("abcde"), out, 5), "abcd");
    assert_string_equal(slice_write(slice_make("abcdefgh", 8), out, 5), "abcd");
    assert_string_equal(slice_write(slice_of(""), out, 5), "");
    assert_string_equal(slice_write(slice_of(NULL), out, 1), "");
    assert_int_equal(out[5], '#');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_are_those_of_printf),
        cmocka_unit_test(no_width_goes_beyond_the_room),
        cmocka_unit_test(a_slice_is_written_and_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
