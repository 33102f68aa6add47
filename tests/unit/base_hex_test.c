/* Digits, octets, and what "%" stands for; nothing is read behind a text's end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"

static void digits_of_both_cases(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        const char *at = c ? strchr("0123456789abcdefABCDEF", c) : NULL;
        long place = at ? at - "0123456789abcdefABCDEF" : -1;
        int value = at ? (int)(place < 16 ? place : place - 6) : -1;
        if (hex_value((char)c) != value)
            fail_msg("octet %d is %d", c, hex_value((char)c));
    }
}

static void two_digits_are_an_octet(void **state)
{
    (void)state;
    assert_int_equal(hex_octet(slice_of("aF")), 0xaf);
    assert_int_equal(hex_octet(slice_of("00")), 0);
    assert_int_equal(hex_octet(slice_of("7f9")), 0x7f);
    assert_int_equal(hex_octet(slice_of("7g")), -1);
    assert_int_equal(hex_octet(slice_of("g7")), -1);
    assert_int_equal(hex_octet(slice_make("77", 1)), -1);
    assert_int_equal(hex_octet(slice_of("")), -1);
}

static void percent_is_taken_octet_by_octet(void **state)
{
    struct slice text = slice_of("a%2Fb%00%e4%");
    const int octets[] = {'a', '/', 'b', 0, 0xe4, -1};
    (void)state;
    for (size_t i = 0; i < sizeof octets / sizeof *octets; i++)
        assert_int_equal(hex_take_percent(&text), octets[i]);
    assert_int_equal(text.len, 0);
    /* The digits behind the end do not belong to it. */
    text = slice_make("%41", 2);
    assert_int_equal(hex_take_percent(&text), -1);
    text = slice_of("\xff");
    assert_int_equal(hex_take_percent(&text), 0xff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_of_both_cases),
        cmocka_unit_test(two_digits_are_an_octet),
        cmocka_unit_test(percent_is_taken_octet_by_octet),
    };
    return cmocka_run_group_tests_name("hex", tests, NULL, NULL);
}
