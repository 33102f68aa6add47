/* Other people's words, made fit to stand in an answer. */
#include "admin_world.h"

#define BAD "\xEF\xBF\xBD"

static void assert_clean(const char *in, size_t n, const char *expected)
{
    char out[64];
    text_clean(out, sizeof out, slice_make(in, n));
    assert_string_equal(out, expected);
}

#define CLEAN(in, expected) assert_clean(in, sizeof(in) - 1, expected)

static void cleaned(void **state)
{
    (void)state;
    CLEAN("", "");
    CLEAN("plain text, <tags> stay", "plain text, <tags> stay");
    CLEAN("Grüße 日本 \xF0\x9F\x93\xAC", "Grüße 日本 \xF0\x9F\x93\xAC");
    CLEAN("a\nb\rc\td\x1b[1m", "a" BAD "b" BAD "c" BAD "d" BAD "[1m");
    CLEAN("\0x\x7f", BAD "x" BAD);
    /* a control of the second block */
    CLEAN("\xC2\x85", BAD);
    /* not the shortest form */
    CLEAN("\xC0\xAF", BAD BAD);
    CLEAN("\xE0\x80\xAF", BAD BAD BAD);
    /* a surrogate */
    CLEAN("\xED\xA0\x80", BAD BAD BAD);
    /* beyond 10FFFF */
    CLEAN("\xF4\x90\x80\x80", BAD BAD BAD BAD);
    /* cut short */
    CLEAN("\xE2\x82", BAD BAD);
    CLEAN("\xFF\xFEx", BAD BAD "x");
    /* writes from right to left */
    CLEAN("user\xE2\x80\xAEmoc.live@", "user" BAD "moc.live@");
    /* invisible */
    CLEAN("a\xE2\x80\x8B"
          "b\xEF\xBB\xBF",
          "a" BAD "b" BAD);
}

static void cut_between_characters(void **state)
{
    char out[6];
    (void)state;
    text_clean(out, sizeof out, slice_of("abcüd"));
    assert_string_equal(out, "abcü");
    text_clean(out, sizeof out, slice_of("abcdü"));
    assert_string_equal(out, "abcd");
    text_clean(out, 1, slice_of("abc"));
    assert_string_equal(out, "");
}

static void escaped(void **state)
{
    struct out o;
    char *text;
    (void)state;
    out_init(&o);
    out_html(&o, HOSTILE);
    text = written(&o);
    assert_string_equal(text, "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;\\\n{}");
    free(text);
    out_init(&o);
    out_label(&o, "a\"b\\c\nd<>{}");
    text = written(&o);
    assert_string_equal(text, "a\\\"b\\\\c\\nd<>{}");
    free(text);
}

static void has_a_cap(void **state)
{
    struct out o;
    (void)state;
    out_init(&o);
    for (int i = 0; i < 9000 && !o.full; i++)
        out_printf(&o, "%01024d", i);
    assert_true(o.full);
    out_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleaned),
        cmocka_unit_test(cut_between_characters),
        cmocka_unit_test(escaped),
        cmocka_unit_test(has_a_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
