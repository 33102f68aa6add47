/* Mailboxes in From and Sender: what stands there, what is valid, and how a name is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/mailbox.h"

static void counts_what_is_valid(void **state)
{
    static const struct {
        const char *value;
        size_t n;
    } rows[] = {
        {" a@x.test", 1},
        {" Third Floor <a@x.test> (c)", 1},
        {"\r\n \"UPS 3: (cellar)\"\r\n <a@x.test>", 1},
        {" =?utf-8?Q?B=2E_C.?= <a@x.test>", 1},
        {" B\xc3\xbc <@one,@two:a@x.test>", 1},
        {" (c (d)) < a@x.test >", 1},
        {" a@x.test, B <b@x.test>", 2},
        {"", 0},
        {" root", 0},
        {" <>", 0},
        {" Third Floor a@x.test", 0},
        {" a@x.test; b@x.test", 0},
        {" a@x.test, ", 0},
        {" UPS 3: cellar <a@x.test>", 0},
        {" J. Doe <a@x.test>", 0},
        {" Doe, John <a@x.test>", 0},
        {" a@x.test (open", 0},
        {" \"open <a@x.test>", 0},
        {" <a@x.test", 0},
        {" A <a@x.test> B", 0},
        {" A\x01 <a@x.test>", 0},
        {" Us: a@x.test;", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (mailbox_count_valid(slice_of(rows[i].value)) != rows[i].n)
            fail_msg("\"%s\"", rows[i].value);
}

static void finds_each(void **state)
{
    static const struct {
        const char *value, *names[3], *addresses[3];
    } rows[] = {
        {" A <a@x>; b@x, Doe, C <c@x>", {"A", "", "Doe, C"}, {"a@x", "b@x", "c@x"}},
        {" a@x b@x (c)", {"", ""}, {"a@x", "b@x"}},
        {" Hall 2 a@x words", {"Hall 2"}, {"a@x"}},
        {" j@x <k@x>", {"j@x"}, {"k@x"}},
        {" root (Cron)", {""}, {"root"}},
        {" several words", {NULL}, {NULL}},
        {" <a@x", {NULL}, {NULL}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mailbox m;
        size_t at = 0, n = 0;
        for (; mailbox_next(slice_of(rows[i].value), &at, &m); n++) {
            assert_true(n < 3 && rows[i].names[n]);
            assert_true(slice_is(m.name, rows[i].names[n]));
            assert_true(slice_is(m.address, rows[i].addresses[n]));
        }
        assert_true(n == 3 || !rows[i].names[n]);
    }
}

static void writes_names(void **state)
{
    static const char *const rows[][2] = {
        {"", "a@x"},
        {"Third Floor", "Third Floor <a@x>"},
        {"UPS 3: cellar", "\"UPS 3: cellar\" <a@x>"},
        {"Us:", "Us <a@x>"},
        {", Doe ;", "Doe <a@x>"},
        {"\"Team, A\"", "\"Team, A\" <a@x>"},
        {"19\" rack", "\"19\\\" rack\" <a@x>"},
        {"a\\b c", "\"a\\\\b c\" <a@x>"},
        {"(c) A (d) B (e)", "A B <a@x>"},
        {"=?x?q?y?= J. =?x?q?z?=.", "=?x?q?y?= \"J.\" =?x?q?z?= \".\" <a@x>"},
        {"A\x01\x7f", "\"A??\" <a@x>"},
        {"\"A\\\x01\"", "\"A\\\\?\" <a@x>"},
        {"A,\r\n\tB", "\"A,\r\n B\" <a@x>"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;
        buf_init(&out, 200);
        assert_true(mailbox_write(&out, slice_of(rows[i][0]), slice_of("a@x")));
        if (!slice_is(buf_view(&out), rows[i][1]))
            fail_msg("%.*s", (int)out.len, buf_view(&out).data);
        assert_int_equal(mailbox_count_valid(buf_view(&out)), 1);
        buf_free(&out);
    }
    struct buf small;
    buf_init(&small, 8);
    assert_false(mailbox_write(&small, slice_of("Third Floor"), slice_of("a@x")));
    buf_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_is_valid),
        cmocka_unit_test(finds_each),
        cmocka_unit_test(writes_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
