/* Replies: read in pieces, refused when they are none, written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/caps.h"
#include "wire/reply.h"
#include "wire/utf8.h"

#define LIT(text)                                                                                  \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct row {
    struct slice in;
    enum reply_step step;
    int code;
    const char *enhanced, *text;
    unsigned lines;
    /* octets not taken */
    size_t left;
} rows[] = {
    {LIT("250 ok\r\n"), REPLY_DONE, 250, "", "ok", 1, 0},
    {LIT("250 ok\n"), REPLY_DONE, 250, "", "ok", 1, 0},
    {LIT("250\r\n"), REPLY_DONE, 250, "", "", 1, 0},
    {LIT("250 \r\n"), REPLY_DONE, 250, "", "", 1, 0},
    {LIT("250\r\r\n"), REPLY_DONE, 250, "", "", 1, 0},
    {LIT("250 a\r\n250 b\r\n"), REPLY_DONE, 250, "", "a", 1, 7},
    {LIT("250-a\r\n250-\r\n250 c\r\n"), REPLY_DONE, 250, "", "a\n\nc", 3, 0},
    {LIT("250-a\r\n250\r\n"), REPLY_DONE, 250, "", "a\n", 2, 0},
    {LIT("354 go\r\n"), REPLY_DONE, 354, "", "go", 1, 0},
    {LIT("334 VXNlcm5hbWU6\r\n"), REPLY_DONE, 334, "", "VXNlcm5hbWU6", 1, 0},
    {LIT("559 x\r\n"), REPLY_DONE, 559, "", "x", 1, 0},
    {LIT("200 x\r\n"), REPLY_DONE, 200, "", "x", 1, 0},
    {LIT("250-a\r\n250-b"), REPLY_MORE, 250, "", "a", 1, 0},
    {LIT("2"), REPLY_MORE, 0, "", "", 0, 0},
    {LIT("250 ok\r"), REPLY_MORE, 0, "", "", 0, 0},
    {LIT(""), REPLY_MORE, 0, "", "", 0, 0},
    /* enhanced codes */
    {LIT("250 2.1.5 ok\r\n"), REPLY_DONE, 250, "2.1.5", "ok", 1, 0},
    {LIT("250 2.1.5\r\n"), REPLY_DONE, 250, "2.1.5", "", 1, 0},
    {LIT("550-5.7.999 a\r\n550 5.7.999 b\r\n"), REPLY_DONE, 550, "5.7.999", "a\nb", 2, 0},
    {LIT("550-5.7.1 a\r\n550 5.7.2 b\r\n"), REPLY_DONE, 550, "5.7.1", "a\n5.7.2 b", 2, 0},
    {LIT("550-a\r\n550 5.7.2 b\r\n"), REPLY_DONE, 550, "5.7.2", "a\nb", 2, 0},
    {LIT("250 5.1.5 ok\r\n"), REPLY_DONE, 250, "", "5.1.5 ok", 1, 0},
    {LIT("354 3.1.5 ok\r\n"), REPLY_DONE, 354, "", "3.1.5 ok", 1, 0},
    {LIT("250 2.1.5000 ok\r\n"), REPLY_DONE, 250, "", "2.1.5000 ok", 1, 0},
    {LIT("250 2.1 ok\r\n"), REPLY_DONE, 250, "", "2.1 ok", 1, 0},
    {LIT("250 2.1.5x ok\r\n"), REPLY_DONE, 250, "", "2.1.5x ok", 1, 0},
    {LIT("250 2..5 ok\r\n"), REPLY_DONE, 250, "", "2..5 ok", 1, 0},
    /* controls */
    {LIT("250 a\tb\x1b[31m\x07\x7f\rc\r\n"), REPLY_DONE, 250, "", "a b[31mc", 1, 0},
    {LIT("250 \xc3\xa4\r\n"), REPLY_DONE, 250, "", "\xc3\xa4", 1, 0},
    /* not replies */
    {LIT("250-a\r\n251 b\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("250-a\r\n550 b\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("250-a\r\nb\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("250-a\r\n\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("25\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("2500 a\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("250\tok\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("250_ok\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT(" 250 ok\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("150 ok\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("199 ok\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("600 ok\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("260 ok\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("999 ok\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("000 ok\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("250 a\0b\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("HTTP/1.1 400 Bad Request\r\n"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    /* ... known before the line ends */
    {LIT("S"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("\x15\x03\x01"), REPLY_BAD, 0, NULL, NULL, 0, 0},
    {LIT("250 \0"), REPLY_BAD, 0, NULL, NULL, 0, 0},
};

/* Feeds `in` in pieces of `piece` octets; returns how many were taken. */
static size_t feed(struct reply_parser *p, struct slice in, size_t piece, enum reply_step *step_r)
{
    size_t total = 0;
    *step_r = REPLY_MORE;
    while (*step_r == REPLY_MORE && total < in.len) {
        size_t used = 0;
        struct slice part = slice_head(slice_from(in, total), piece);
        *step_r = reply_parser_feed(p, part, &used);
        assert_true(used <= part.len);
        if (*step_r == REPLY_MORE)
            assert_int_equal(used, part.len);
        total += used;
    }
    return total;
}

static void test_replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        for (size_t piece = 1; piece <= row->in.len + 1; piece++) {
            struct reply_parser p;
            enum reply_step step;
            reply_parser_init(&p);
            size_t used = feed(&p, row->in, piece, &step);
            if (step != row->step)
                fail_msg("\"%.*s\" in pieces of %zu: step %d", (int)row->in.len, row->in.data,
                         piece, (int)step);
            assert_int_equal(p.bad != NULL, step == REPLY_BAD);
            if (step != REPLY_BAD &&
                (p.reply.code != row->code || p.reply.lines != row->lines ||
                 strcmp(p.reply.enhanced, row->enhanced) != 0 ||
                 !slice_is(buf_view(&p.reply.text), row->text) || used != row->in.len - row->left))
                fail_msg("\"%.*s\" in pieces of %zu: code %d, %u lines, enhanced %s, took %zu",
                         (int)row->in.len, row->in.data, piece, p.reply.code, p.reply.lines,
                         p.reply.enhanced, used);
            if (step == REPLY_BAD)
                assert_int_equal(reply_parser_feed(&p, slice_of("250 ok\r\n"), &used), REPLY_BAD);
            reply_parser_free(&p);
        }
    }
}

static void test_one_after_the_other(void **state)
{
    struct reply_parser p;
    struct slice in = slice_of("250-2.0.0 a\r\n250 b\r\n354 go\r\n");
    size_t used;
    (void)state;
    reply_parser_init(&p);
    assert_int_equal(reply_parser_feed(&p, in, &used), REPLY_DONE);
    in = slice_from(in, used);
    assert_int_equal(reply_parser_feed(&p, in, &used), REPLY_DONE);
    assert_int_equal(used, in.len);
    assert_int_equal(p.reply.code, 354);
    assert_int_equal(p.reply.lines, 1);
    assert_string_equal(p.reply.enhanced, "");
    assert_true(slice_is(buf_view(&p.reply.text), "go"));
    reply_parser_free(&p);
}

/* Feeds `line` up to `times` times; returns how often it was taken before the parser had enough. */
static size_t feed_until_bad(struct slice line, size_t times)
{
    struct reply_parser p;
    size_t used, n = 0;
    reply_parser_init(&p);
    while (n < times && reply_parser_feed(&p, line, &used) == REPLY_MORE) {
        n++;
        assert_true(p.line.size <= 4 * CAP_REPLY_LINE && p.reply.text.size <= 4 * CAP_REPLY_TEXT);
    }
    reply_parser_free(&p);
    return n;
}

static void test_caps(void **state)
{
    char line[CAP_REPLY_LINE + 64];
    (void)state;
    assert_int_equal(feed_until_bad(slice_of("250-a\r\n"), 10000), CAP_REPLY_LINES);
    memset(line, 'a', sizeof line);
    memcpy(line, "250-", 4);
    /* Four lines of text as large as the line's cap allows are less than CAP_REPLY_TEXT, five are
     * more. */
    memcpy(line + CAP_REPLY_LINE, "\r\n", 2);
    assert_int_equal(feed_until_bad(slice_make(line, CAP_REPLY_LINE + 2), 10000),
                     CAP_REPLY_TEXT / CAP_REPLY_LINE);
    memcpy(line + CAP_REPLY_LINE, "a\r\n", 3);
    assert_int_equal(feed_until_bad(slice_make(line, CAP_REPLY_LINE + 3), 10000), 0);
    assert_int_equal(feed_until_bad(slice_make(line, CAP_REPLY_LINE + 2), 10000), 0);
    memset(line, '2', 1);
    memset(line + 1, '0', 2);
    line[3] = ' ';
    struct reply_parser p;
    size_t used, taken = 0;
    enum reply_step step = REPLY_MORE;
    reply_parser_init(&p);
    for (; step == REPLY_MORE && taken < 1024 * 1024; taken++)
        step = reply_parser_feed(&p, slice_make(taken < 4 ? line + taken : "a", 1), &used);
    assert_int_equal(step, REPLY_BAD);
    assert_int_equal(taken, CAP_REPLY_LINE + 2);
    reply_parser_free(&p);
}

static void test_write(void **state)
{
    static const struct {
        int code;
        const char *enhanced;
        struct slice text;
        const char *out;
    } table[] = {
        {250, "", LIT("ok"), "250 ok\r\n"},
        {250, "2.1.5", LIT("ok"), "250 2.1.5 ok\r\n"},
        {550, "5.7.1", LIT("a\n\nc"), "550-5.7.1 a\r\n550-5.7.1\r\n550 5.7.1 c\r\n"},
        {250, "", LIT("host\nSIZE 1\nDSN"), "250-host\r\n250-SIZE 1\r\n250 DSN\r\n"},
        {334, "", LIT(""), "334 \r\n"},
        {250, "2.0.0", LIT(""), "250 2.0.0\r\n"},
        {550, "", LIT("a\rb\0c\td\x1b"), "550 abc d\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct buf out;
        buf_init(&out, 256);
        assert_true(buf_append(&out, ">", 1));
        assert_true(reply_write(&out, table[i].code, table[i].enhanced, table[i].text));
        if (!slice_is(slice_from(buf_view(&out), 1), table[i].out))
            fail_msg("%s: %.*s", table[i].out, (int)out.len, buf_view(&out).data);
        buf_free(&out);
        buf_init(&out, strlen(table[i].out) - 1);
        assert_false(reply_write(&out, table[i].code, table[i].enhanced, table[i].text));
        assert_int_equal(out.len, 0);
        buf_free(&out);
    }
}

static void test_write_cuts(void **state)
{
    char text[1000];
    struct buf out;
    (void)state;
    for (size_t i = 0; i < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    buf_init(&out, 2000);
    assert_true(reply_write(&out, 550, "", slice_make(text, sizeof text)));
    assert_int_equal(out.len, 500 + 2);
    buf_clear(&out);
    assert_true(reply_write(&out, 550, "", slice_make("b\xc3\xa4\xc3\xa4", 5)));
    assert_int_equal(out.len, 4 + 5 + 2);
    buf_clear(&out);
    text[0] = text[1] = 'b';
    assert_true(reply_write(&out, 550, "", slice_make(text + 1, sizeof text - 1)));
    assert_int_equal(out.len, 499 + 2);
    assert_true(utf8_is_valid(buf_view(&out)));
    buf_free(&out);
}

static void read_reply(struct reply_parser *p, const char *text)
{
    size_t used;
    reply_parser_init(p);
    assert_int_equal(reply_parser_feed(p, slice_of(text), &used), REPLY_DONE);
}

static void test_words(void **state)
{
    struct reply_parser p;
    struct reply nothing;
    char out[64];
    (void)state;
    read_reply(&p, "550-5.7.1 go away\r\n550-5.7.1\r\n550 5.7.1 really\r\n");
    assert_string_equal(reply_words(&p.reply, out, sizeof out), "550 5.7.1 go away /  / really");
    assert_string_equal(reply_words(&p.reply, out, 15), "550 5.7.1 go a");
    assert_string_equal(reply_words(&p.reply, out, 20), "550 5.7.1 go away");
    assert_string_equal(reply_words(&p.reply, out, 21), "550 5.7.1 go away / ");
    assert_string_equal(reply_words(&p.reply, out, 3), "55");
    assert_string_equal(reply_words(&p.reply, out, 1), "");
    reply_parser_free(&p);
    read_reply(&p, "250\r\n");
    assert_string_equal(reply_words(&p.reply, out, sizeof out), "250");
    reply_parser_free(&p);
    read_reply(&p, "250 a\xc3\xa4\r\n");
    assert_string_equal(reply_words(&p.reply, out, 7), "250 a");
    reply_parser_free(&p);
    reply_init(&nothing);
    assert_string_equal(reply_words(&nothing, out, sizeof out), "no reply");
    reply_free(&nothing);
}

static void test_copy(void **state)
{
    struct reply_parser p;
    struct reply copy;
    (void)state;
    reply_init(&copy);
    read_reply(&p, "450-4.7.1 a\r\n450 4.7.1 b\r\n");
    reply_copy(&copy, &p.reply);
    reply_copy(&copy, &copy);
    reply_parser_free(&p);
    assert_int_equal(copy.code, 450);
    assert_int_equal(copy.lines, 2);
    assert_string_equal(copy.enhanced, "4.7.1");
    assert_true(slice_is(buf_view(&copy.text), "a\nb"));
    assert_true(reply_is(&copy, 4));
    assert_false(reply_is(&copy, 5));
    read_reply(&p, "250\r\n");
    reply_copy(&copy, &p.reply);
    assert_int_equal(copy.text.len, 0);
    assert_string_equal(copy.enhanced, "");
    reply_parser_free(&p);
    reply_free(&copy);
    assert_int_equal(copy.code, 0);
}

static void test_utf8_cut(void **state)
{
    static const struct {
        const char *text;
        size_t max, cut;
    } table[] = {
        {"abc", 3, 3},
        {"abc", 9, 3},
        {"abc", 2, 2},
        {"a\xc3\xa4", 2, 1},
        {"a\xe2\x82\xac", 3, 1},
        {"a\xf0\x9f\x98\x80", 4, 1},
        {"\xc3\xa4", 1, 0},
        {"\xa4\xa4\xa4\xa4\xa4\xa4", 5, 5},
        {"", 0, 0},
        {"\xa4\xa4", 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (utf8_cut(slice_of(table[i].text), table[i].max) != table[i].cut)
            fail_msg("row %zu: %zu", i, utf8_cut(slice_of(table[i].text), table[i].max));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),    cmocka_unit_test(test_one_after_the_other),
        cmocka_unit_test(test_caps),       cmocka_unit_test(test_write),
        cmocka_unit_test(test_write_cuts), cmocka_unit_test(test_words),
        cmocka_unit_test(test_copy),       cmocka_unit_test(test_utf8_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
