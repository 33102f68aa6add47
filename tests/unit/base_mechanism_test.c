/* The table of AUTH mechanisms: whole rows, and nothing twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mechanism.h"

static void rows_are_whole(void **state)
{
    unsigned bits = 0;
    (void)state;
    for (int i = 0; i < MECHANISM_COUNT; i++) {
        const struct mechanism_row *row = mechanism_row((enum mechanism)i);
        assert_true(row->name[0] && row->word[0] && row->steps > 0);
        assert_true(row->slow_step < (int)row->steps);
        assert_false(bits & mechanism_bit((enum mechanism)i));
        bits |= mechanism_bit((enum mechanism)i);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(row->name, mechanism_row((enum mechanism)k)->name);
            assert_string_not_equal(row->word, mechanism_row((enum mechanism)k)->word);
        }
    }
}

static void choices_are_the_mechanisms(void **state)
{
    (void)state;
    assert_string_equal(auth_choice_word(AUTH_AUTO), "auto");
    assert_string_equal(auth_choice_word(AUTH_NONE), "none");
    assert_string_equal(auth_choice_word(AUTH_PLAIN), "plain");
    assert_string_equal(auth_choice_word(AUTH_CRAM_MD5), "cram-md5");
    assert_int_equal(AUTH_CHOICES, MECHANISM_COUNT + 2);
    for (int i = 0; i < MECHANISM_COUNT; i++) {
        enum mechanism m = (enum mechanism)i;
        unsigned takers = 0;
        enum mechanism_secret right = mechanism_row(m)->secret;
        enum mechanism_secret wrong =
            right == MECHANISM_TOKEN ? MECHANISM_PASSWORD : MECHANISM_TOKEN;
        assert_false(mechanism_is_wanted(m, AUTH_NONE, right));
        assert_true(mechanism_is_wanted(m, AUTH_AUTO, right) == mechanism_row(m)->automatic);
        assert_false(mechanism_is_wanted(m, AUTH_AUTO, wrong));
        for (int choice = AUTH_NONE + 1; choice < AUTH_CHOICES; choice++) {
            enum auth_choice named = (enum auth_choice)choice;
            bool takes = mechanism_is_wanted(m, named, right);
            takers += takes;
            assert_false(mechanism_is_wanted(m, named, wrong));
            if (takes)
                assert_int_equal(auth_choice_secret(named), right);
        }
        assert_int_equal(takers, 1);
    }
    assert_true(mechanism_is_wanted(MECHANISM_LOGIN, AUTH_LOGIN, MECHANISM_PASSWORD));
    /* only when named */
    assert_false(mechanism_row(MECHANISM_CRAM_MD5)->automatic);
}

/* The order in which `auto` tries them. */
static void the_strongest_comes_first(void **state)
{
    (void)state;
    assert_true(MECHANISM_OAUTHBEARER < MECHANISM_XOAUTH2);
    assert_true(MECHANISM_SCRAM_SHA_256 < MECHANISM_PLAIN);
    assert_true(MECHANISM_PLAIN < MECHANISM_LOGIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(choices_are_the_mechanisms),
        cmocka_unit_test(the_strongest_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
