/* Base64, strict: RFC 4648 and what it must not take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"

#define LIT(text)                                                                                  \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct {
    struct slice plain, text;
} pairs[] = {
    {LIT(""), LIT("")},
    {LIT("f"), LIT("Zg==")},
    {LIT("fo"), LIT("Zm8=")},
    {LIT("foo"), LIT("Zm9v")},
    {LIT("foob"), LIT("Zm9vYg==")},
    {LIT("fooba"), LIT("Zm9vYmE=")},
    {LIT("foobar"), LIT("Zm9vYmFy")},
    {LIT("\0a\0b"), LIT("AGEAYg==")},
    {LIT("\xff\xfe\xfb"), LIT("//77")},
    {LIT("\xfb\xef\xbe"), LIT("++++")},
};

static void test_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct buf out;
        buf_init(&out, pairs[i].text.len + 1);
        assert_true(buf_append(&out, ">", 1));
        assert_true(base64_encode(pairs[i].plain, &out));
        assert_true(slice_equal(slice_from(buf_view(&out), 1), pairs[i].text));
        buf_free(&out);
        buf_init(&out, pairs[i].plain.len + 1);
        assert_true(buf_append(&out, ">", 1));
        assert_true(base64_decode(pairs[i].text, &out));
        assert_true(slice_equal(slice_from(buf_view(&out), 1), pairs[i].plain));
        buf_free(&out);
    }
}

static void test_not_base64(void **state)
{
    static const struct slice bad[] = {
        LIT("Z"),        LIT("Zg"),       LIT("Zg="),       LIT("Zg==="), LIT("Zh=="),
        LIT("Zm9="),     LIT("===="),     LIT("Z==="),      LIT("Zg=a"),  LIT("=Zg="),
        LIT("Zg==Zm9v"), LIT("Zm9v\r\n"), LIT("Zm9 vYg=="), LIT(" Zg="),  LIT("Zm9\0"),
        LIT("Zm9-"),     LIT("Zm9_"),     LIT("*"),         LIT("="),     LIT("Zm\xc3\xa4"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct buf out;
        buf_init(&out, 64);
        assert_true(buf_append(&out, "kept", 4));
        if (base64_decode(bad[i], &out))
            fail_msg("\"%.*s\" was taken", (int)bad[i].len, bad[i].data);
        assert_true(slice_is(buf_view(&out), "kept"));
        buf_free(&out);
    }
}

static void test_over_the_cap(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 7);
    assert_false(base64_encode(slice_of("foob"), &out));
    assert_false(base64_decode(slice_of("Zm9vYmFyZm9v"), &out));
    assert_int_equal(out.len, 0);
    assert_true(base64_encode(slice_of("foo"), &out));
    assert_true(base64_decode(slice_of("Zm9v"), &out));
    assert_false(base64_decode(slice_of("Zg=="), &out));
    assert_true(slice_is(buf_view(&out), "Zm9vfoo"));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs),
                                       cmocka_unit_test(test_not_base64),
                                       cmocka_unit_test(test_over_the_cap)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
