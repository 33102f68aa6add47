/* A secret is found in a peer's words as it is and in every base64 of it; other words are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/caps.h"
#include "base/echo.h"
#include "base/mem.h"

enum { RUN = 6 };

static bool repeats(const char *words, const char *secret)
{
    struct echo *e = echo_of(slice_of(words));
    bool found = echo_repeats(e, slice_of(secret), RUN);
    echo_free(&e);
    assert_null(e);
    return found;
}

static bool repeats_encoded(const char *words, const char *secret)
{
    struct echo *e = echo_of(slice_of(words));
    bool found = echo_repeats_encoded(e, slice_of(secret), RUN);
    echo_free(&e);
    return found;
}

static void a_run_of_the_secret_is_enough(void **state)
{
    (void)state;
    assert_true(repeats("no hunter2hunter2 here", "hunter2hunter2"));
    assert_true(repeats("cut: hunter", "hunter2hunter2"));
    assert_false(repeats("cut: hunte", "hunter2hunter2"));
    /* of a shorter secret, all of it */
    assert_true(repeats("no pw here", "pw"));
    assert_false(repeats("no p w here", "pw"));
    assert_false(repeats("", "pw"));
    assert_false(repeats("anything", ""));
}

/* printf 'secret>>>?' | base64; then with one and two octets before; then base64url. */
static void so_is_its_base64_at_any_place(void **state)
{
    (void)state;
    assert_true(repeats("is c2VjcmV0Pj4+Pw==", "secret>>>?"));
    assert_true(repeats("is eHNlY3JldD4+Pj8=", "secret>>>?"));
    assert_true(repeats("is eHhzZWNyZXQ+Pj4/", "secret>>>?"));
    assert_true(repeats("is c2VjcmV0Pj4-Pw", "secret>>>?"));
    assert_true(repeats("is jcmV0Pj4-", "secret>>>?"));
    assert_true(repeats_encoded("is eHhzZWNyZXQ-Pj4_", "secret>>>?"));
    assert_false(repeats_encoded("is secret>>>?", "secret>>>?"));
    /* "pass" without the padding that base64url leaves out */
    assert_true(repeats("is cGFzcw", "pass"));
}

static void words_that_are_too_long_count_as_an_echo(void **state)
{
    char *words = mem_alloc(CAP_REPLY_TEXT + 2);
    (void)state;
    memset(words, 'x', CAP_REPLY_TEXT);
    assert_false(repeats(words, "hunter2"));
    memcpy(words + CAP_REPLY_TEXT - 7, "hunter2", 7);
    assert_true(repeats(words, "hunter2"));
    memset(words, 'x', CAP_REPLY_TEXT + 1);
    assert_true(repeats(words, "hunter2"));
    free(words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_of_the_secret_is_enough),
        cmocka_unit_test(so_is_its_base64_at_any_place),
        cmocka_unit_test(words_that_are_too_long_count_as_an_echo),
    };
    return cmocka_run_group_tests_name("echo", tests, NULL, NULL);
}
