/* What a token service must not repeat into our logs, and what it may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "oauth/echo.h"

#define FORM                                                                                       \
    "grant_type=refresh_token&client_id=the-app-id-1234&client_secret=Kx8Q~a%2Bb%2Fc%3Dwith%20it"  \
    "&refresh_token=0.AXoA-long_refresh-token&scope=https%3A%2F%2Foutlook.office.com%2FSMTP.Send"

static bool echoes(const char *words)
{
    struct secret *form = secret_new(slice_of(FORM));
    bool found = oauth_echoes(words, form);
    secret_free(&form);
    return found;
}

static void what_is_secret_is_found(void **state)
{
    (void)state;
    assert_true(echoes("bad secret Kx8Q~a+b/c=with it"));
    /* a piece is enough */
    assert_true(echoes("bad: a+b/c=wi…"));
    assert_true(echoes("client_secret=Kx8Q~a%2Bb%2Fc%3Dwith%20it"));
    assert_true(echoes("unknown token 0.AXoA-long_refresh-token."));
    /* printf 'Kx8Q~a+b/c=with it' | base64; then with one and two octets before */
    assert_true(echoes("is S3g4UX5hK2IvYz13aXRoIGl0"));
    assert_true(echoes("is eEt4OFF+YStiL2M9d2l0aCBpdA=="));
    assert_true(echoes("is eHhLeDhRfmErYi9jPXdpdGggaXQ="));
}

static void what_is_public_is_not(void **state)
{
    (void)state;
    assert_false(echoes(""));
    assert_false(
        echoes("AADSTS7000215: Invalid client secret provided for app 'the-app-id-1234'."));
    assert_false(echoes("the scope https://outlook.office.com/SMTP.Send does not exist"));
    assert_false(echoes("grant_type=refresh_token"));
    assert_false(oauth_echoes("Kx8Q~a+b/c=with it", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_secret_is_found),
        cmocka_unit_test(what_is_public_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
