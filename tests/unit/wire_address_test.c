/* Addresses: what is taken kindly, and what is not an address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/caps.h"
#include "wire/address.h"

#define LIT(text)                                                                                  \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

/* text NULL: not an address. */
static const struct row {
    struct slice in;
    const char *text, *local, *domain, *rest;
} rows[] = {
    {LIT("<a@b.example>"), "a@b.example", "a", "b.example", ""},
    {LIT("<A.b+c@B.Example> SIZE=10 BODY=7BIT "), "A.b+c@B.Example", "A.b+c", "B.Example",
     "SIZE=10 BODY=7BIT"},
    {LIT("<>"), "", "", "", ""},
    {LIT("<>\tRET=FULL"), "", "", "", "RET=FULL"},
    {LIT(" <a@b>"), "a@b", "a", "b", ""},
    {LIT("a@b"), "a@b", "a", "b", ""},
    {LIT("a@b SIZE=10"), "a@b", "a", "b", "SIZE=10"},
    {LIT("root"), "root", "root", "", ""},
    {LIT("<root> X"), "root", "root", "", "X"},
    {LIT("<@one.example,@two:a@b>"), "a@b", "a", "b", ""},
    {LIT("<@one.example:root>"), "root", "root", "", ""},
    {LIT("@one.example:a@b"), "a@b", "a", "b", ""},
    {LIT("<@[192.0.2.1]:a@b>"), "a@b", "a", "b", ""},
    {LIT("<\"a b\"@c>"), "\"a b\"@c", "\"a b\"", "c", ""},
    {LIT("<\"a\\\"@\\\\>\"@c> X"), "\"a\\\"@\\\\>\"@c", "\"a\\\"@\\\\>\"", "c", "X"},
    {LIT("\"a b\"@c X"), "\"a b\"@c", "\"a b\"", "c", "X"},
    {LIT("<a@[192.0.2.1]>"), "a@[192.0.2.1]", "a", "[192.0.2.1]", ""},
    {LIT("<a@[IPv6:2001:db8::1]>"), "a@[IPv6:2001:db8::1]", "a", "[IPv6:2001:db8::1]", ""},
    {LIT("<a..b.@c_d>"), "a..b.@c_d", "a..b.", "c_d", ""},
    {LIT("<a!b%c/d=e'f@x>"), "a!b%c/d=e'f@x", "a!b%c/d=e'f", "x", ""},
    {LIT("<\xc3\xa4@\xc3\xb6.example>"), "\xc3\xa4@\xc3\xb6.example", "\xc3\xa4",
     "\xc3\xb6.example", ""},
    /* sloppy, and one address all the same */
    {LIT("<dev@x.test >"), "dev@x.test", "dev", "x.test", ""},
    {LIT("< dev@x.test>"), "dev@x.test", "dev", "x.test", ""},
    {LIT("<\t dev@x.test\t> SIZE=1"), "dev@x.test", "dev", "x.test", "SIZE=1"},
    {LIT("<Scanner 3 <dev@x.test>>"), "dev@x.test", "dev", "x.test", ""},
    {LIT("<Scanner 3 <dev@x.test> > SIZE=1"), "dev@x.test", "dev", "x.test", "SIZE=1"},
    {LIT("<\"Team, A\" <dev@x.test>>"), "dev@x.test", "dev", "x.test", ""},
    {LIT("<\"a@b, <c@d>\" <dev@x.test>>"), "dev@x.test", "dev", "x.test", ""},
    {LIT("<<dev@x.test>>"), "dev@x.test", "dev", "x.test", ""},
    {LIT("<<< dev@x.test >>> BODY=7BIT"), "dev@x.test", "dev", "x.test", "BODY=7BIT"},
    {LIT("Alice <dev@x.test>"), "dev@x.test", "dev", "x.test", ""},
    {LIT("Alice <dev@x.test> AUTH=<>"), "dev@x.test", "dev", "x.test", "AUTH=<>"},
    {LIT("Alice B. Doe <dev@x.test>"), "dev@x.test", "dev", "x.test", ""},
    {LIT("Alice<dev@x.test>"), "dev@x.test", "dev", "x.test", ""},
    {LIT("\"Alice\" <\"a b\"@x.test>"), "\"a b\"@x.test", "\"a b\"", "x.test", ""},
    {LIT("19\" rack <dev@x.test>"), "dev@x.test", "dev", "x.test", ""},
    {LIT("B\xfcro <dev@x.test>"), "dev@x.test", "dev", "x.test", ""},
    {LIT("Alice <root>"), "root", "root", "", ""},
    {LIT("Alice <@one.example:dev@x.test>"), "dev@x.test", "dev", "x.test", ""},
    {LIT("<dev@x.test.>"), "dev@x.test", "dev", "x.test", ""},
    {LIT("<dev@x.test.> SIZE=1"), "dev@x.test", "dev", "x.test", "SIZE=1"},
    {LIT("dev@x.test."), "dev@x.test", "dev", "x.test", ""},
    {LIT("<dev@x.test>;"), "dev@x.test", "dev", "x.test", ""},
    {LIT("<dev@x.test>, SIZE=1"), "dev@x.test", "dev", "x.test", "SIZE=1"},
    {LIT("<dev@x.test;>"), "dev@x.test", "dev", "x.test", ""},
    {LIT("dev@x.test; SIZE=1"), "dev@x.test", "dev", "x.test", "SIZE=1"},
    {LIT("a@b AUTH=<>"), "a@b", "a", "b", "AUTH=<>"},
    /* the parameters' fault */
    {LIT("a b@c"), "a", "a", "", "b@c"},
    {LIT("root AUTH=<x@y>"), "root", "root", "", "AUTH=<x@y>"},
    /* not addresses */
    {.in = LIT("<<a@b>")},
    {.in = LIT("<Alice <>>")},
    {.in = LIT("Alice <>")},
    {.in = LIT("<Scanner 3>")},
    {.in = LIT("<a@b..>")},
    {.in = LIT("Alice <a@b> <c@d>")},
    {.in = LIT("<a@b> <c@d>")},
    {.in = LIT("<a@b>, <c@d>")},
    {.in = LIT("<a@b>,<c@d>")},
    {.in = LIT("<a@b>; c@d")},
    {.in = LIT("a@b, c@d")},
    {.in = LIT("a@b,c@d")},
    {.in = LIT("a@b c@d")},
    {.in = LIT("a@b <c@d>")},
    {.in = LIT("<a@b <c@d>>")},
    {.in = LIT("<a@b, c@d>")},
    {.in = LIT("<a@b c@d>")},
    {.in = LIT("<Alice <a@b>, Bob <c@d>>")},
    {.in = LIT("<Alice <a@b> <c@d>>")},
    {.in = LIT("Al\0ice <a@b>")},
    {.in = LIT("Al\rice <a@b>")},
    {.in = LIT("")},
    {.in = LIT("<")},
    {.in = LIT(">")},
    {.in = LIT("<<>>")},
    {.in = LIT("< >")},
    {.in = LIT("<a@b")},
    {.in = LIT("a@b>")},
    {.in = LIT("<a@b>>")},
    {.in = LIT("<a@b>SIZE=1")},
    {.in = LIT("<a b@c>")},
    {.in = LIT("<a@b c>")},
    {.in = LIT("<@b>")},
    {.in = LIT("<a@>")},
    {.in = LIT("<a@b@c>")},
    {.in = LIT("<a@b,c@d>")},
    {.in = LIT("<a@b;c@d>")},
    {.in = LIT("<a,b@c>")},
    {.in = LIT("<a@b..c>")},
    {.in = LIT("<a@.b>")},
    {.in = LIT("<(x)a@b>")},
    {.in = LIT("<a\\@b@c>")},
    {.in = LIT("<a\"b\"@c>")},
    {.in = LIT("<\"a@b>")},
    {.in = LIT("<\"a\\\"@b>")},
    {.in = LIT("<\"a\\")},
    {.in = LIT("<\"\"@b>")},
    {.in = LIT("<\"a\"b@c>")},
    {.in = LIT("<\"a\tb\"@c>")},
    {.in = LIT("<\"a\\\rb\"@c>")},
    {.in = LIT("<a@[]>")},
    {.in = LIT("<a@[1.2.3.4>")},
    {.in = LIT("<a@[1.2.3.4]x>")},
    {.in = LIT("<a@[a>b]>")},
    {.in = LIT("<a@b\r\nRCPT TO:<c@d>>")},
    {.in = LIT("<a@b\n>")},
    {.in = LIT("<a\0@b>")},
    {.in = LIT("<a@b\0>")},
    {.in = LIT("<a\x7f@b>")},
    {.in = LIT("<\xc3@b>")},
    {.in = LIT("<\xc0\xbc@b>")},
    {.in = LIT("<\xe0\x80\xaf@b>")},
    {.in = LIT("<\xed\xa0\x80@b>")},
    {.in = LIT("<\xf0\x80\x80\x80@b>")},
    {.in = LIT("<\xf4\x90\x80\x80@b>")},
    {.in = LIT("<\xe2\x82@b>")},
    {.in = LIT("<a@\xff>")},
    {.in = LIT("<@one:>")},
    {.in = LIT("<@one,two:a@b>")},
    {.in = LIT("<@:a@b>")},
    {.in = LIT("<@one@two:a@b>")},
};

static void test_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct address a;
        struct slice rest;
        bool ok = address_parse_path(row->in, &a, &rest);
        if (ok != (row->text != NULL))
            fail_msg("\"%.*s\" is %s", (int)row->in.len, row->in.data, ok ? "taken" : "not taken");
        if (ok && (!slice_is(a.text, row->text) || !slice_is(a.local, row->local) ||
                   !slice_is(a.domain, row->domain) || !slice_is(rest, row->rest)))
            fail_msg("\"%.*s\": text %.*s local %.*s domain %.*s rest %.*s", (int)row->in.len,
                     row->in.data, (int)a.text.len, a.text.data, (int)a.local.len, a.local.data,
                     (int)a.domain.len, a.domain.data, (int)rest.len, rest.data);
        if (ok)
            assert_int_equal(a.has_utf8, row->text[0] == '\xc3');
    }
}

static void test_bare(void **state)
{
    static const struct {
        const char *in;
        bool ok;
    } table[] = {
        {"a@b", true},    {"root", true},  {"\"a b\"@c", true}, {"a@[::1]", true}, {"", false},
        {"<a@b>", false}, {"a@b ", false}, {" a@b", false},     {"@x:a@b", false}, {"a@b,c", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct address a;
        if (address_parse(slice_of(table[i].in), &a) != table[i].ok)
            fail_msg("\"%s\"", table[i].in);
    }
}

static void test_length(void **state)
{
    char text[CAP_ADDRESS + 3];
    struct address a;
    struct slice rest;
    (void)state;
    memset(text, 'a', sizeof text);
    text[0] = '<';
    text[5] = '@';
    text[CAP_ADDRESS + 1] = '>';
    assert_true(address_parse_path(slice_make(text, CAP_ADDRESS + 2), &a, &rest));
    assert_int_equal(a.text.len, CAP_ADDRESS);
    text[CAP_ADDRESS + 1] = 'a';
    text[CAP_ADDRESS + 2] = '>';
    assert_false(address_parse_path(slice_make(text, CAP_ADDRESS + 3), &a, &rest));
}

static void test_postmaster(void **state)
{
    struct address a;
    (void)state;
    assert_true(address_parse(slice_of("PostMaster"), &a));
    assert_true(address_is_postmaster(&a));
    assert_true(address_parse(slice_of("postmaster@b"), &a));
    assert_false(address_is_postmaster(&a));
    assert_true(address_parse(slice_of("root"), &a));
    assert_false(address_is_postmaster(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_bare),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_postmaster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
