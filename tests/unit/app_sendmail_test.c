/* What `sendmail` reads out of headers: address lists as people write them, blind copies dropped,
 * what is missing added. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "app/sendmail_header.h"

/* Found addresses are joined by blanks, and so are those that are none. */
static const struct row {
    const char *list, *found, *bad;
} rows[] = {
    {"a@b.test", "a@b.test", ""},
    {"", "", ""},
    {" , ,;", "", ""},
    {"a@b.test, c@d.test", "a@b.test c@d.test", ""},
    {"root", "root", ""},
    {"a@b.test,a@b.test", "a@b.test", ""},
    {"Joe Q. Public <joe@b.test>, Ann <ann@b.test>", "joe@b.test ann@b.test", ""},
    {"\"Public, Joe\" <joe@b.test>", "joe@b.test", ""},
    {"\"a \\\" <x@y.test>,\" <joe@b.test>", "joe@b.test", ""},
    {"joe@b.test (Joe, of (sales), <x@y.test>)", "joe@b.test", ""},
    {"(first) joe (mid) @ (last) b.test", "joe@b.test", ""},
    {"joe@b.test (never closed, c@d.test", "joe@b.test", ""},
    {"friends: a@b.test, Carl <c@d.test>;, e@f.test", "a@b.test c@d.test e@f.test", ""},
    {"undisclosed-recipients:;", "", ""},
    {"\"my: friends\": a@b.test;", "a@b.test", ""},
    {"Joe\r\n <joe@b.test>,\r\n\tann@b.test", "joe@b.test ann@b.test", ""},
    {"joe @ b . test", "joe@b.test", ""},
    {"\"joe smith\"@b.test", "\"joe smith\"@b.test", ""},
    {"<\"joe>smith\"@b.test>", "\"joe>smith\"@b.test", ""},
    {"<@relay.test,@two.test:joe@b.test>", "joe@b.test", ""},
    {"joe@[192.0.2.1], ann@[IPv6:2001:db8::1]", "joe@[192.0.2.1] ann@[IPv6:2001:db8::1]", ""},
    {"=?UTF-8?Q?J=C3=B6?= <joe@b.test>", "joe@b.test", ""},
    {"<joe@b.test> trailing words, ann@b.test", "joe@b.test ann@b.test", ""},
    {"<>", "", ""},
    {"joe smith", "", "joe smith"},
    {"joe@b.test ann@b.test", "", "joe@b.test ann@b.test"},
    {"<joe@b.test", "", "joe@b.test"},
    {"joe@", "", "joe@"},
    {"a@b.test\x01", "", "a@b.test?"},
    {"a@b.test, joe@, c@d.test, @, e@f.test", "a@b.test c@d.test e@f.test", "joe@ @"},
};

static void join(char **items, size_t n, char *out, size_t size)
{
    out[0] = 0;
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(out);
        snprintf(out + used, size - used, "%s%s", i ? " " : "", items[i]);
    }
}

static void address_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mailboxes list = {0};
        struct err err = {0};
        char found[500], bad[500];
        assert_int_equal(mailboxes_read(&list, slice_of(rows[i].list), &err), 0);
        join(list.items, list.n, found, sizeof found);
        join(list.bad, list.n_bad, bad, sizeof bad);
        if (strcmp(found, rows[i].found) != 0 || strcmp(bad, rows[i].bad) != 0)
            fail_msg("<%s>: found <%s>, bad <%s>", rows[i].list, found, bad);
        mailboxes_free(&list);
    }
}

static void an_address_too_long(void **state)
{
    char text[3000];
    struct mailboxes list = {0};
    struct err err = {0};
    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text + sizeof text - 8, "@b.test", 8);
    assert_int_equal(mailboxes_read(&list, slice_of(text), &err), 0);
    assert_int_equal(list.n, 0);
    assert_int_equal(list.n_bad, 1);
    assert_int_equal(strlen(list.bad[0]), 200);
    mailboxes_free(&list);
}

static void rewritten(const char *in, const char *name, const char *out, const char *recipients)
{
    struct mailboxes list = {0};
    struct sendmail_header h = {recipients ? &list : NULL, "me@host.test", name, "host.test"};
    struct buf buf;
    struct err err = {0};
    char found[500];
    buf_init(&buf, 100000);
    assert_int_equal(sendmail_header_rewrite(&h, slice_of(in), &buf, &err), 0);
    if (!slice_is(buf_view(&buf), out))
        fail_msg("made <%.*s>, not <%s>", (int)buf.len, buf_view(&buf).data, out);
    join(list.items, list.n, found, sizeof found);
    assert_string_equal(found, recipients ? recipients : "");
    mailboxes_free(&list);
    buf_free(&buf);
}

static void headers(void **state)
{
    (void)state;
    rewritten("From: x@y.test\r\nTo: a@b.test\r\nBcc: c@d.test,\r\n e@f.test\r\ncc: "
              "g@h.test\r\n\r\nBcc: text\r\n",
              NULL, "From: x@y.test\r\nTo: a@b.test\r\ncc: g@h.test\r\n\r\nBcc: text\r\n",
              "a@b.test c@d.test e@f.test g@h.test");
    rewritten("From: x@y.test\r\nTo: not an address\r\n\r\n", NULL,
              "From: x@y.test\r\nTo: not an address\r\n\r\n", NULL);
    rewritten("To: a@b.test\r\n\r\nx\r\n", NULL,
              "To: a@b.test\r\nFrom: <me@host.test>\r\n\r\nx\r\n", "a@b.test");
    rewritten("To: a@b.test\r\n\r\nx\r\n", "Cron \"D\" \\",
              "To: a@b.test\r\nFrom: \"Cron \\\"D\\\" \\\\\" <me@host.test>\r\n\r\nx\r\n",
              "a@b.test");
    rewritten("To: a@b.test\r\n\r\n", "a\r\nBcc: x",
              "To: a@b.test\r\nFrom: \"aBcc: x\" <me@host.test>\r\n\r\n", "a@b.test");
    rewritten("To: a@b.test\r\n\r\n", "J\xc3\xb6",
              "To: a@b.test\r\nFrom: =?UTF-8?B?SsO2?= <me@host.test>\r\n\r\n", "a@b.test");
    rewritten("just a line\r\nand: more\r\n", NULL,
              "From: <me@host.test>\r\n\r\njust a line\r\nand: more\r\n", NULL);
    rewritten("", NULL, "From: <me@host.test>\r\n\r\n", NULL);
    rewritten("From me Sat Jan  3\r\nFrom: x\r\n\r\ny\r\n", NULL, "From: x\r\n\r\ny\r\n", NULL);
    rewritten(">From me Sat Jan  3\r\nFrom: x\r\n\r\ny\r\n", NULL, "From: x\r\n\r\ny\r\n", NULL);
    /* The old syntax of a field, not the line of an mbox. */
    rewritten("From : x\r\n\r\ny\r\n", NULL, "From : x\r\n\r\ny\r\n", NULL);
    rewritten("From: x\r\nTo: a@b.test\r\nResent-To: r@s.test\r\nResent-Bcc: t@u.test\r\n\r\n",
              NULL, "From: x\r\nTo: a@b.test\r\nResent-To: r@s.test\r\n\r\n", "r@s.test t@u.test");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_lists),
        cmocka_unit_test(an_address_too_long),
        cmocka_unit_test(headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
