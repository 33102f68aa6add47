/* The lines of the spool's control socket: what is read, what is refused, and that what was written
 * reads the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/control_request.h"

static void requests_are_read(void **state)
{
    struct control_request r;
    (void)state;
    assert_true(control_request_read(slice_of("list"), &r));
    assert_int_equal(r.verb, CONTROL_LIST);
    assert_null(r.account);
    assert_true(control_request_read(slice_of("retry-failed my%20account"), &r));
    assert_int_equal(r.verb, CONTROL_RETRY_FAILED);
    assert_string_equal(r.account, "my account");
    control_request_free(&r);
    assert_true(control_request_read(slice_of("remove 1k2l.b1"), &r));
    assert_int_equal(r.verb, CONTROL_REMOVE);
    assert_string_equal(r.id, "1k2l.b1");
    assert_true(control_request_read(slice_of("drain 300"), &r));
    assert_int_equal(r.verb, CONTROL_DRAIN);
    assert_int_equal(r.seconds, 300);
    assert_true(control_request_read(slice_of("take 9223372036854775807 0 60 0"), &r));
    assert_int_equal(r.verb, CONTROL_TAKE);
    assert_true(r.offer.now == INT64_MAX && r.offer.log == 0 && r.offer.head == 60);
}

static void others_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "lists",
        " list",
        "list a b",
        "list %zz",
        "retry",
        "retry ",
        "retry ../x",
        "retry a/b",
        "retry a b",
        "drain",
        "drain soon",
        "drain 1 2",
        "drain 604801",
        "take",
        "take 1 2 3",
        "take 1 2 3 4 5",
        "take -1 2 3 4",
        "take 9223372036854775808 2 3 4",
        "take 1 4194305 3 4",
        "take 1 2 4194305 4",
        "take 1 2 3 18446744073709551616",
        "remove 01234567890123456789012345678901234567890123456789",
    };
    struct control_request r;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(control_request_read(slice_of(bad[i]), &r));
    assert_false(control_request_read(slice_make("retry a\0b", 9), &r));
}

static void what_was_written_reads_the_same(void **state)
{
    char name[] = "my account\n", why[] = "450 4.2.0 later\r\nend 0", waiting[] = "waiting";
    struct control_entry e = {.id = "m1",
                              .state = waiting,
                              .account = name,
                              .reason = why,
                              .age = 7,
                              .next = CONTROL_NO_NEXT,
                              .size = 1234,
                              .tries = 3};
    struct control_answer a;
    struct buf out;
    (void)state;
    buf_init(&out, 4096);
    assert_true(control_entry_write(&out, &e));
    struct slice line = buf_view(&out);
    /* one line, whatever the words are */
    assert_int_equal(slice_find(line, '\n'), line.len - 1);
    assert_true(control_answer_read(slice_head(line, line.len - 1), &a));
    assert_false(a.is_end);
    assert_string_equal(a.entry.id, "m1");
    assert_string_equal(a.entry.account, name);
    assert_string_equal(a.entry.reason, why);
    assert_int_equal(a.entry.age, 7);
    assert_int_equal(a.entry.next, CONTROL_NO_NEXT);
    assert_int_equal(a.entry.size, 1234);
    control_answer_free(&a);
    buf_clear(&out);
    assert_true(control_end_write(&out, 75, "m1 is being sent"));
    line = buf_view(&out);
    assert_true(control_answer_read(slice_head(line, line.len - 1), &a));
    assert_true(a.is_end);
    assert_int_equal(a.status, 75);
    assert_string_equal(a.words, "m1 is being sent");
    control_answer_free(&a);
    assert_false(control_answer_read(slice_of("end 256 x"), &a));
    assert_false(control_answer_read(slice_of("421 4.3.2 Too many connections"), &a));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(what_was_written_reads_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
