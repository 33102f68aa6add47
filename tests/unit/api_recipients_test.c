/* The header's recipients against those of the envelope: header, RCPTs, and the header that the
 * service gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/recipients.h"
#include "base/mem.h"

static bool read_text(void *ctx, uint64_t offset, char *out, size_t n)
{
    memcpy(out, (const char *)ctx + offset, n);
    return true;
}

/* aliases: root = admin@x.test; qualify = q.test */
static char *complete(void *ctx, const struct address *a)
{
    struct buf b;
    (void)ctx;
    buf_init(&b, 200);
    bool root = slice_is(a->local, "root");
    assert_true(buf_printf(&b, "%.*s@%s", root ? 5 : (int)a->local.len,
                           root ? "admin" : a->local.data, root ? "x.test" : "q.test"));
    char *text = slice_string(buf_view(&b));
    buf_free(&b);
    return text;
}

#define SAME NULL
#define OTHERS(list) "!" list
#define NO "?"

static const struct {
    /* Without the blank line. Recipients are parted by blanks. */
    const char *header, *rcpts, *result;
} rows[] = {
    {"To: a@x.test\r\n", "a@x.test", SAME},
    {"To: A@X.Test\r\n", "a@x.test", SAME},
    {"To: a@x.test, b@x.test\r\n", "a@x.test b@x.test", SAME},
    {"To: a@x.test\r\nCc: b@x.test\r\n", "a@x.test b@x.test", SAME},
    {"To: a@x.test\r\nBcc: b@x.test\r\n", "a@x.test b@x.test", SAME},
    {"to:a@x.test\r\n", "a@x.test", SAME},
    {"To: Anna <a@x.test>\r\n", "a@x.test", SAME},
    {"To: \"Anna, B.\" <a@x.test>\r\n", "a@x.test", SAME},
    {"To: \"An\\\"na <b@x.test>\" <a@x.test>\r\n", "a@x.test", SAME},
    {"To: Anna Q. Test <a@x.test>\r\n", "a@x.test", SAME},
    {"To: =?utf-8?Q?M=C3=BCller=2C_H?= <a@x.test>\r\n", "a@x.test", SAME},
    {"To: M\xc3\xbcller <a@x.test>\r\n", "a@x.test", SAME},
    {"To: a@x.test (Anna, b@x.test)\r\n", "a@x.test", SAME},
    {"To: a (c) @ (d (e)) x . test\r\n", "a@x.test", SAME},
    {"To: \"a\"@x.test\r\n", "a@x.test", SAME},
    {"To: \"a,b\"@x.test\r\n", "\"a,b\"@x.test", SAME},
    {"To: \"\\a\"@x.test\r\n", "a@x.test", SAME},
    {"To: a@[192.0.2.1]\r\n", "a@[192.0.2.1]", SAME},
    {"To: a@x.test,\r\n\tb@x.test\r\n", "a@x.test b@x.test", SAME},
    {"To:\r\n a@x.test\r\n", "a@x.test", SAME},
    {"To: a@x.test, , b@x.test,\r\n", "a@x.test b@x.test", SAME},
    {"To: Team: a@x.test, B <b@x.test>;\r\n", "a@x.test b@x.test", SAME},
    {"To: Team: a@x.test;, b@x.test\r\n", "a@x.test b@x.test", SAME},
    {"To: undisclosed-recipients:;\r\n", "a@x.test",
     "To: undisclosed-recipients:;\r\nBcc: a@x.test\r\n"},
    {"To: \"Undisclosed recipients\": ;\r\n", "a@x.test b@x.test",
     "To: \"Undisclosed recipients\": ;\r\nBcc: a@x.test,\r\n b@x.test\r\n"},
    {"Subject: s\r\n", "a@x.test", "Subject: s\r\nBcc: a@x.test\r\n"},
    {"", "a@x.test", "Bcc: a@x.test\r\n"},
    {"To: a@x.test\r\n", "a@x.test b@x.test", "To: a@x.test\r\nBcc: b@x.test\r\n"},
    {"Bcc: a@x.test\r\nTo: b@x.test\r\n", "a@x.test b@x.test c@x.test",
     "Bcc: a@x.test,\r\n c@x.test\r\nTo: b@x.test\r\n"},
    {"Bcc:\r\n", "a@x.test", "Bcc: a@x.test\r\n"},
    {"Bcc: \r\n", "a@x.test", "Bcc:  a@x.test\r\n"},
    {"Bcc: (none)\r\n", "a@x.test", "Bcc: (none) a@x.test\r\n"},
    {"Bcc: a@x.test\r\nBcc: b@x.test\r\n", "a@x.test b@x.test", "Bcc: a@x.test,\r\n b@x.test\r\n"},
    {"To: a@x.test\r\nTo: b@x.test\r\n", "a@x.test b@x.test",
     "To: a@x.test\r\nTo: b@x.test\r\nBcc: a@x.test,\r\n b@x.test\r\n"},
    {"Resent-To: a@x.test\r\n", "a@x.test", "Resent-To: a@x.test\r\nBcc: a@x.test\r\n"},
    {"To : a@x.test\r\n", "a@x.test", "To : a@x.test\r\nBcc: a@x.test\r\n"},
    {"To: a@x.test\r\n", "a@x.test A@x.test", SAME},
    {"S: s\r\n", "a@x.test A@x.test", "S: s\r\nBcc: a@x.test\r\n"},
    /* A cron mail. */
    {"From: root (Cron Daemon)\r\nTo: root\r\nSubject: Cron\r\n", "admin@x.test",
     "From: root (Cron Daemon)\r\nTo: admin@x.test\r\nSubject: Cron\r\n"},
    {"To: root (the boss), \"B\" <bob>\r\n", "admin@x.test bob@q.test",
     "To: admin@x.test (the boss), \"B\" <bob@q.test>\r\n"},
    {"Bcc: root\r\n", "admin@x.test b@x.test", "Bcc: admin@x.test,\r\n b@x.test\r\n"},
    {"To: root\r\n", "a@x.test", OTHERS("root")},
    /* A message of a mailing list. */
    {"To: list@l.test\r\nList-Id: <l.l.test>\r\n", "a@x.test", OTHERS("list@l.test")},
    {"To: a@x.test, b@x.test\r\nCc: c@x.test\r\n", "a@x.test", OTHERS("b@x.test, c@x.test")},
    {"To: a@x.test\r\nBcc: b@x.test\r\n", "a@x.test", OTHERS("b@x.test")},
    {"To: a@x.test\r\nResent-To: b@x.test\r\n", "a@x.test", OTHERS("b@x.test")},
    {"To: a@x.test\r\nResent-Cc: b@x.test\r\n", "a@x.test", OTHERS("b@x.test")},
    {"To: a@x.test\r\nResent-Bcc: b@x.test\r\n", "a@x.test", OTHERS("b@x.test")},
    {"To: a@x.test\r\nBCC : b@x.test\r\n", "a@x.test", OTHERS("b@x.test")},
    {"To: Team: b@x.test;\r\n", "a@x.test", OTHERS("b@x.test")},
    {"To: a@x.test.\r\n", "a@x.test", NO},
    {"To: a@x.test b@x.test\r\n", "a@x.test b@x.test", NO},
    {"To: a@x.test; b@x.test\r\n", "a@x.test b@x.test", NO},
    {"To: <a@x.test> <b@x.test>\r\n", "a@x.test b@x.test", NO},
    {"To: a@x.test <b@x.test>\r\n", "a@x.test b@x.test", NO},
    {"To: Anna B\r\n", "a@x.test", NO},
    {"To: <>\r\n", "a@x.test", NO},
    {"To: <a@x.test\r\n", "a@x.test", NO},
    {"To: \"a@x.test\r\n", "a@x.test", NO},
    {"To: (a@x.test\r\n", "a@x.test", NO},
    {"To: Team: a@x.test\r\n", "a@x.test", NO},
    {"To: One: Two: a@x.test;;\r\n", "a@x.test", NO},
    {"To: <@b.test:a@x.test>\r\n", "a@x.test", NO},
    {"To: =?utf-8?q?a=40x=2Etest=2C?=@x.test\r\n", "a@x.test", NO},
    {"To: a@x.test\x01\r\n", "a@x.test", NO},
    {"To: a@x..test\r\n", "a@x.test", NO},
    {"To: a@x.test\r\nno field\r\nBcc: b@x.test\r\n", "a@x.test", NO},
    {"To: a@x.test\nCc: b@x.test\r\n", "a@x.test b@x.test", NO},
    {"To: a@x.test\rCc: b@x.test\r\n", "a@x.test b@x.test", NO},
    {" To: a@x.test\r\n", "a@x.test", NO},
    {"To: a@x.test\r\n \r\nCc: b@x.test\r\n", "a@x.test b@x.test", NO},
    {"From me Thu Jan  1 00:00:00 2026\r\nTo: a@x.test\r\n", "a@x.test", NO},
};

static const char *make(const char *header, const char *rcpts, const char *tail, struct buf *out)
{
    static char words[200];
    const char *list[10];
    char *copy = mem_string(rcpts), *text = mem_alloc(strlen(header) + strlen(tail) + 1);
    struct api_message m;
    size_t n = 0;
    strcat(strcpy(text, header), tail);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        list[n++] = word;
    const struct api_recipients r = {list, n, complete, NULL};
    const struct octets source = {strlen(text), read_text, text};
    enum api_fit fit = api_message_make(&m, &r, source, words, sizeof words);
    for (size_t i = 0; fit == API_FITS && i < m.octets.size; i++) {
        char c;
        assert_true(m.octets.read(m.octets.ctx, i, &c, 1));
        assert_true(buf_append(out, &c, 1));
    }
    api_message_clear(&m);
    free(copy);
    free(text);
    return fit == API_FITS ? NULL : fit == API_UNREADABLE ? NO : words;
}

static void each_header_is_judged(void **state)
{
    static const char *const tails[] = {"\r\nTo: z@x.test\r\n\r\nbody\r\n", ""};
    (void)state;
    for (size_t i = 0; i < 2 * (sizeof rows / sizeof *rows); i++) {
        const char *header = rows[i / 2].header, *result = rows[i / 2].result, *tail = tails[i % 2];
        struct buf out;
        buf_init(&out, 10000);
        const char *got = make(header, rows[i / 2].rcpts, tail, &out);
        if (result && result[0] == '!')
            assert_string_equal(got ? got : "(fits)", result + 1);
        else if (result && result[0] == '?')
            assert_string_equal(got ? got : header, NO);
        else {
            struct buf want;
            buf_init(&want, 10000);
            if (got)
                fail_msg("%s: %s", header, got);
            assert_true(buf_printf(&want, "%s%s", result ? result : header, tail));
            if (!slice_equal(buf_view(&want), buf_view(&out)))
                fail_msg("%s: %.*s", header, (int)out.len, buf_view(&out).data);
            buf_free(&want);
        }
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_header_is_judged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
