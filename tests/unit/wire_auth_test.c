/* AUTH lines and the message of PLAIN. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "wire/auth.h"

static void requests(void **state)
{
    (void)state;
    struct auth_request r = auth_parse(slice_of(""));
    assert_int_equal(r.mechanism, AUTH_MECHANISM_NONE);
    r = auth_parse(slice_of("plain"));
    assert_int_equal(r.mechanism, AUTH_MECHANISM_PLAIN);
    assert_false(r.has_initial);
    r = auth_parse(slice_of("LOGIN  \tdXNlcg== "));
    assert_int_equal(r.mechanism, AUTH_MECHANISM_LOGIN);
    assert_true(r.has_initial && slice_is(r.initial, "dXNlcg==") && !r.too_many);
    r = auth_parse(slice_of("PLAIN AAA= AAA="));
    assert_true(r.too_many);
    r = auth_parse(slice_of("cram-md5"));
    assert_int_equal(r.mechanism, AUTH_MECHANISM_CRAM_MD5);
    r = auth_parse(slice_of("PLAINS"));
    assert_int_equal(r.mechanism, AUTH_MECHANISM_UNKNOWN);
}

static bool decodes(const char *text, bool initial, const char *to)
{
    struct buf out;
    buf_init(&out, 64);
    bool ok = auth_decode(slice_of(text), initial, &out) && slice_is(buf_view(&out), to);
    buf_wipe(&out);
    return ok;
}

static void responses(void **state)
{
    (void)state;
    assert_true(decodes("=", true, ""));
    assert_false(decodes("=", false, ""));
    assert_true(decodes("", false, ""));
    assert_true(decodes("dXNlcg==", false, "user"));
    assert_false(decodes("dXNlcg", false, "user"));
    assert_false(decodes("dXNl cg==", false, "user"));
    assert_false(decodes("dXNlcg== ", false, "user"));
    assert_false(decodes("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                         "AAAAAAAAAAAAAAAAAAAAAAA",
                         false, ""));
}

static bool splits(const char *bytes, size_t n, const char *authzid, const char *user,
                   const char *password)
{
    struct auth_plain p;
    return auth_split_plain(slice_make(bytes, n), &p) && slice_is(p.authzid, authzid) &&
           slice_is(p.user, user) && slice_is(p.password, password);
}

static void messages(void **state)
{
    (void)state;
    assert_true(splits("\0user\0pass", 10, "", "user", "pass"));
    assert_true(splits("me\0user\0pass", 12, "me", "user", "pass"));
    assert_true(splits("\0\0", 2, "", "", ""));
    assert_false(splits("", 0, "", "", ""));
    assert_false(splits("user\0pass", 9, "", "user", "pass"));
    assert_false(splits("\0user\0pa\0ss", 11, "", "user", "pa"));
}

static void lines(void **state)
{
    (void)state;
    assert_true(auth_is_line(slice_of("AUTH ")));
    assert_true(auth_is_line(slice_of(" \tauth\tPLAIN")));
    assert_false(auth_is_line(slice_of("AUTH")));
    assert_false(auth_is_line(slice_of("AUTHOR x")));
    assert_false(auth_is_line(slice_of("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(requests), cmocka_unit_test(responses),
                                       cmocka_unit_test(messages), cmocka_unit_test(lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
