/* base/log: one line per event, whatever a peer puts into a value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

struct page {
    char text[20000];
    size_t len;
    unsigned writes;
};

static void keep(void *ctx, enum log_level level, const char *line, size_t len)
{
    struct page *page = ctx;
    (void)level;
    assert_true(page->len + len < sizeof page->text);
    memcpy(page->text + page->len, line, len);
    page->len += len;
    page->text[page->len] = 0;
    page->writes++;
}

static int64_t noon(void *ctx)
{
    (void)ctx;
    return 1795338000123;
}

static struct page one_line(bool json, const struct log_field *fields, const char *msg)
{
    struct page page = {.len = 0};
    struct log *log = log_new(LOG_INFO, json, (struct log_sink){keep, noon, &page});
    log_write(log, LOG_INFO, msg, fields);
    log_write(log, LOG_DEBUG, "not wanted", fields);
    log_free(&log);
    assert_int_equal(page.writes, 1);
    /* one newline, at the end */
    assert_ptr_equal(strchr(page.text, '\n'), page.text + page.len - 1);
    return page;
}

static void logfmt(void **state)
{
    (void)state;
    const struct log_field fields[] = {log_str("from", "a@b.test"),
                                       log_str("reply", "250 ok"),
                                       log_num("size", -3),
                                       log_usec("delay", 1234567),
                                       log_str("none", NULL),
                                       log_str("empty", ""),
                                       {.key = NULL}};
    struct page page = one_line(false, fields, "delivered");
    assert_string_equal(page.text,
                        "time=2026-11-22T09:00:00.123Z level=info msg=delivered from=a@b.test "
                        "reply=\"250 ok\" size=-3 delay=1.234 empty=\"\"\n");
}

static void json(void **state)
{
    (void)state;
    const struct log_field fields[] = {
        log_str("from", "a\"b\\"), log_num("size", 3), {.key = NULL}};
    struct page page = one_line(true, fields, "delivered");
    assert_string_equal(page.text, "{\"time\":\"2026-11-22T09:00:00.123Z\",\"level\":\"info\","
                                   "\"msg\":\"delivered\",\"from\":\"a\\\"b\\\\\",\"size\":3}\n");
}

static void nobody_forges_a_line(void **state)
{
    (void)state;
    static const char evil[] =
        "x\r\ntime=now msg=delivered\x1b[31m\0\x7f \xc2\x85 \xe2\x80\xa8 \xff\xfe \xc3\xa9";
    for (int as_json = 0; as_json < 2; as_json++) {
        const struct log_field fields[] = {log_slice("helo", slice_make(evil, sizeof evil - 1)),
                                           {.key = NULL}};
        struct page page = one_line(as_json, fields, "x");
        for (size_t i = 0; i + 1 < page.len; i++)
            assert_true((unsigned char)page.text[i] >= 32 && page.text[i] != 127);
        assert_non_null(strstr(page.text, "\\r\\ntime"));
        /* honest UTF-8 stays readable */
        assert_non_null(strstr(page.text, "\xc3\xa9"));
        assert_null(strstr(page.text, "\xe2\x80\xa8"));
        assert_null(strstr(page.text, "\xc2\x85"));
    }
}

/* Marks that turn the direction of text, widths of nothing, tags: none of them is raw, and each can
 * be read. */
static void what_cannot_be_seen_is_shown(void **state)
{
    static const struct {
        const char *raw, *shown;
    } unseen[] = {
        {"\xc2\x85", "\\u0085"},
        {"\xc2\xad", "\\u00ad"},
        {"\xd8\x9c", "\\u061c"},
        {"\xe1\xa0\x8e", "\\u180e"},
        {"\xe2\x80\x8b", "\\u200b"},
        {"\xe2\x80\x8e", "\\u200e"},
        {"\xe2\x80\x8f", "\\u200f"},
        {"\xe2\x80\xa8", "\\u2028"},
        {"\xe2\x80\xae", "\\u202e"},
        {"\xe2\x81\xa6", "\\u2066"},
        {"\xe2\x81\xa9", "\\u2069"},
        {"\xef\xbb\xbf", "\\ufeff"},
        {"\xf3\xa0\x80\x81", "\\udb40\\udc01"},
        {"\xf3\xa0\x81\x81", "\\udb40\\udc41"},
        {"\xed\xa0\x80", "\\u00ed\\u00a0\\u0080"},
        {"\xc0\xaf", "\\u00c0\\u00af"},
        {"\xf4\x90\x80\x80", "\\u00f4\\u0090\\u0080\\u0080"},
    };
    static const char seen[] =
        "\xc3\xa9\xe2\x82\xac\xe2\x80\x94\xe6\xbc\xa2\xf0\x9f\x93\xa7\xd7\xa9";
    (void)state;
    for (int as_json = 0; as_json < 2; as_json++) {
        for (size_t i = 0; i < sizeof unseen / sizeof *unseen; i++) {
            char shown[60];
            const struct log_field fields[] = {log_str("helo", unseen[i].raw), {.key = NULL}};
            struct page page = one_line(as_json, fields, "x");
            snprintf(shown, sizeof shown, as_json ? "\"helo\":\"%s\"}\n" : " helo=\"%s\"\n",
                     unseen[i].shown);
            assert_non_null(strstr(page.text, shown));
        }
        const struct log_field fields[] = {log_str("helo", seen), {.key = NULL}};
        assert_non_null(strstr(one_line(as_json, fields, "x").text, seen));
    }
}

static void long_values_are_cut(void **state)
{
    (void)state;
    static char huge[100000];
    memset(huge, '"', sizeof huge - 1);
    const struct log_field fields[] = {log_str("a", huge), log_str("b", huge), log_str("c", huge),
                                       log_str("d", huge), log_str("e", huge), {.key = NULL}};
    struct page page = one_line(true, fields, "x");
    assert_true(page.len <= 16 * 1024);
    assert_int_equal(page.text[page.len - 2], '}');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logfmt), cmocka_unit_test(json), cmocka_unit_test(nobody_forges_a_line),
        cmocka_unit_test(what_cannot_be_seen_is_shown), cmocka_unit_test(long_values_are_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
