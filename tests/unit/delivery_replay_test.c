/* Replay bookkeeping: the copy with its caps, and the recipients of a session that replaces a lost
 * one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/caps.h"
#include "delivery/copy.h"
#include "delivery/recipients.h"
#include "mail/message.h"

static char chunk[CAP_CHUNK];

static void put_and_feed(struct copy *c, size_t n)
{
    copy_put(c, slice_make(chunk, n));
    copy_fed(c, copy_next(c).len);
}

static void fed_again_from_the_start(void **state)
{
    (void)state;
    struct copy_budget budget = {0};
    struct copy c;
    copy_init(&c, &budget);
    copy_put(&c, slice_of("one "));
    copy_put(&c, slice_of("two"));
    copy_fed(&c, 5);
    assert_true(slice_is(copy_next(&c), "wo"));
    copy_rewind(&c);
    assert_true(slice_is(copy_next(&c), "one two"));
    assert_int_equal(budget.used, 7);
    copy_free(&c);
    assert_int_equal(budget.used, 0);
}

static void one_copy_is_capped(void **state)
{
    (void)state;
    struct copy_budget budget = {0};
    struct copy c;
    copy_init(&c, &budget);
    for (size_t n = 0; n < CAP_REPLAY; n += CAP_CHUNK)
        put_and_feed(&c, CAP_CHUNK);
    assert_true(c.whole);
    assert_int_equal(budget.used, CAP_REPLAY);
    copy_put(&c, slice_of("x"));
    assert_false(c.whole);
    assert_int_equal(budget.used, 0);
    assert_true(slice_is(copy_next(&c), "x"));
    copy_fed(&c, 1);
    copy_put(&c, slice_make(chunk, CAP_CHUNK));
    copy_fed(&c, 100);
    assert_int_equal(copy_next(&c).len, CAP_CHUNK - 100);
    copy_free(&c);
    assert_int_equal(budget.used, 0);
}

static void all_copies_are_capped(void **state)
{
    (void)state;
    struct copy_budget budget = {.used = CAP_REPLAY_TOTAL - 10};
    struct copy a, b;
    copy_init(&a, &budget);
    copy_init(&b, &budget);
    put_and_feed(&a, 10);
    assert_true(a.whole);
    put_and_feed(&b, 1);
    assert_false(b.whole);
    copy_free(&b);
    assert_int_equal(budget.used, CAP_REPLAY_TOTAL);
    copy_free(&a);
    assert_int_equal(budget.used, CAP_REPLAY_TOTAL - 10);
}

static void add(struct recipients *rs, const char *to, size_t index)
{
    struct address a;
    assert_true(address_parse(slice_of(to), &a));
    assert_int_equal(recipients_add(rs, &a, &(struct rcpt_params){0})->index, index);
}

static struct recipient *waiting(struct recipients *rs)
{
    for (size_t i = 0; i < rs->n; i++)
        if (rs->items[i].told == TOLD_NOTHING)
            return &rs->items[i];
    return NULL;
}

static struct recipient *ask(struct recipients *rs)
{
    struct recipient *r = recipients_next(rs);
    if (r)
        recipients_asked(rs, r);
    return r;
}

static void only_those_accepted_are_asked_again(void **state)
{
    (void)state;
    struct recipients rs = {0};
    add(&rs, "a@x", 0);
    add(&rs, "b@x", 1);
    add(&rs, "c@x", 2);
    while (ask(&rs))
        ;
    assert_int_equal(rs.nasked, 3);
    recipients_tell(&rs, recipients_of_answer(&rs, 0), true);
    recipients_tell(&rs, recipients_of_answer(&rs, 1), false);
    assert_ptr_equal(waiting(&rs), &rs.items[2]);
    recipients_restart(&rs);
    add(&rs, "d@x", 3);
    assert_string_equal(ask(&rs)->to, "a@x");
    /* its answer got lost with the session */
    assert_string_equal(ask(&rs)->to, "c@x");
    assert_string_equal(ask(&rs)->to, "d@x");
    assert_null(ask(&rs));
    assert_string_equal(recipients_of_answer(&rs, 1)->to, "c@x");
    assert_null(recipients_of_answer(&rs, 3));
    assert_int_equal(rs.accepted, 1);
    assert_int_equal(rs.refused, 1);
    recipients_free(&rs);
}

/* A client that names recipients without end while each is refused: what is kept stays small, and
 * answers find their recipients. */
static void refused_ones_are_left_out(void **state)
{
    enum { MANY = 20000, FLIGHT = 100 };
    (void)state;
    struct recipients rs = {0};
    struct recipient *asked;
    size_t answers = 0, accepted = 0;
    char name[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "n%d@x", i);
        add(&rs, name, (size_t)i);
        assert_non_null(asked = ask(&rs));
        assert_string_equal(asked->to, name);
        if (i < FLIGHT)
            continue;
        struct recipient *r = recipients_of_answer(&rs, answers);
        snprintf(name, sizeof name, "n%zu@x", answers);
        assert_string_equal(r->to, name);
        assert_int_equal(r->index, answers);
        accepted += answers % 1000 == 7;
        recipients_tell(&rs, r, answers++ % 1000 == 7);
        assert_true(rs.n <= 1024 && rs.room <= 1024 && rs.asked_room <= 1024);
    }
    assert_int_equal(rs.accepted, accepted);
    assert_int_equal(rs.waiting, FLIGHT);
    /* the upstream refused MAIL: all are told at once, before the session's own answers come */
    while (rs.waiting)
        recipients_tell(&rs, waiting(&rs), false);
    for (size_t i = 0; i < 2000; i++) {
        add(&rs, "late@x", MANY + i);
        recipients_tell(&rs, waiting(&rs), false);
    }
    assert_true(rs.n <= 1024);
    snprintf(name, sizeof name, "n%zu@x", answers);
    assert_string_equal(recipients_of_answer(&rs, answers)->to, name);
    /* another session is asked for the accepted ones, in their order */
    recipients_restart(&rs);
    for (size_t i = 0; i < accepted; i++) {
        snprintf(name, sizeof name, "n%zu@x", i * 1000 + 7);
        assert_string_equal(ask(&rs)->to, name);
    }
    assert_null(ask(&rs));
    recipients_free(&rs);
}

static void answers_are_compared(void **state)
{
    (void)state;
    struct reply yes = {.code = 251}, no = {.code = 450};
    struct recipient fresh = {.told = TOLD_NOTHING}, accepted = {.told = TOLD_ACCEPTED};
    assert_int_equal(recipients_compare(&fresh, &yes), COMPARE_FIRST);
    assert_int_equal(recipients_compare(&fresh, &no), COMPARE_FIRST);
    assert_int_equal(recipients_compare(&accepted, &yes), COMPARE_SAME);
    assert_int_equal(recipients_compare(&accepted, &no), COMPARE_CHANGED);
}

static void ids_differ(void **state)
{
    (void)state;
    char a[MESSAGE_ID_SIZE], b[MESSAGE_ID_SIZE];
    message_make_id(a, 1767225600000, 1, 7);
    message_make_id(b, 1767225600000, 2, 7);
    assert_int_equal(strlen(a), MESSAGE_ID_SIZE - 1);
    assert_string_not_equal(a, b);
    message_make_id(b, 1767225601000, 1, 7);
    assert_string_not_equal(a, b);
    message_make_id(b, 1767225600000, 1, 8);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fed_again_from_the_start),
        cmocka_unit_test(one_copy_is_capped),
        cmocka_unit_test(all_copies_are_capped),
        cmocka_unit_test(only_those_accepted_are_asked_again),
        cmocka_unit_test(refused_ones_are_left_out),
        cmocka_unit_test(answers_are_compared),
        cmocka_unit_test(ids_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
