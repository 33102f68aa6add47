/* The record of a message: its names for a result, and copies that share nothing with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/message.h"

static void every_result_has_its_names(void **state)
{
    (void)state;
    for (int r = 0; r < RESULT_COUNT; r++) {
        const char *name = result_name((enum result)r), *label = result_label((enum result)r);
        assert_non_null(name);
        assert_non_null(label);
        assert_non_null(result_words((enum result)r));
        assert_null(strpbrk(name, " _"));
        assert_null(strpbrk(label, " -"));
    }
    assert_string_equal(result_name(RESULT_LOST_LINK), "lost-link");
    assert_string_equal(result_label(RESULT_LOST_LINK), "lost_link");
}

static void copies_are_whole_and_their_own(void **state)
{
    struct addr client;
    struct message m, copy;
    (void)state;
    assert_true(addr_parse(slice_of("192.0.2.7"), &client));
    message_begin(&m, "g4wd6002jng", slice_of("a@x.test"), &client, "lan", 5);
    message_set_to(&m, slice_of("b@x.test"));
    m.sent_as = mem_string("c@x.test");
    m.user = mem_string("scanner");
    m.original = mem_string("192.0.2.9:25");
    m.upstream = mem_string("work");
    m.reply = mem_string("250 2.0.0 ok");
    m.nrcpt = 2;
    message_copy(&copy, &m);
    message_free(&m);
    assert_null(m.from);
    assert_string_equal(copy.id, "g4wd6002jng");
    assert_string_equal(copy.from, "a@x.test");
    assert_string_equal(copy.sent_as, "c@x.test");
    assert_string_equal(copy.to, "b@x.test");
    assert_string_equal(copy.client, "192.0.2.7");
    assert_string_equal(copy.listener, "lan");
    assert_string_equal(copy.user, "scanner");
    assert_string_equal(copy.original, "192.0.2.9:25");
    assert_string_equal(copy.upstream, "work");
    assert_string_equal(copy.reply, "250 2.0.0 ok");
    assert_int_equal(copy.nrcpt, 2);
    assert_int_equal(copy.began, 5);
    message_free(&copy);
    /* nothing is there */
    message_copy(&copy, &m);
    assert_null(copy.from);
    message_free(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_result_has_its_names),
        cmocka_unit_test(copies_are_whole_and_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
