/* The failure table, every row of it; and the replies of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "delivery/failure.h"

static const enum smtp_client_fault faults[] = {SMTP_CLIENT_FAULT_LINK, SMTP_CLIENT_FAULT_TIMEOUT,
                                                SMTP_CLIENT_FAULT_REPLY,
                                                SMTP_CLIENT_FAULT_PROTOCOL};
enum { FAULTS = sizeof faults / sizeof *faults };

static struct loss loss(enum loss_stage stage, enum smtp_client_fault fault)
{
    return (struct loss){
        .stage = stage, .fault = fault, .replayable = true, .promised = true, .awaited = true};
}

static void nothing_is_resent_after_sent(void **state)
{
    (void)state;
    for (size_t f = 0; f < FAULTS; f++)
        for (unsigned bits = 0; bits < 32; bits++) {
            struct loss l = loss(STAGE_SENT, faults[f]);
            l.first_use = bits & 1;
            l.replaced = bits & 2;
            l.replayable = bits & 4;
            l.promised = !(bits & 8);
            l.awaited = bits & 16;
            struct decision d = failure_judge(&l);
            assert_int_equal(d.cure, CURE_ANSWER);
            assert_int_equal(d.say,
                             faults[f] == SMTP_CLIENT_FAULT_REPLY ? OWN_NOT_TAKEN : OWN_LOST_SENT);
        }
}

static void a_lost_link_is_replaced_once(void **state)
{
    (void)state;
    for (enum loss_stage s = STAGE_REST; s < STAGE_SENT; s++)
        for (size_t f = 0; f < FAULTS; f++) {
            struct loss l = loss(s, faults[f]);
            struct decision d = failure_judge(&l);
            if (faults[f] == SMTP_CLIENT_FAULT_PROTOCOL && s != STAGE_REST) {
                assert_int_equal(d.cure, CURE_ANSWER);
                assert_int_equal(d.say, OWN_MALFORMED);
                continue;
            }
            assert_int_equal(d.cure, CURE_REPLACE);
            assert_true(d.other_port);
            l.replaced = true;
            d = failure_judge(&l);
            assert_int_equal(d.cure, CURE_ANSWER);
            assert_int_equal(d.say, OWN_LOST_TWICE);
        }
}

static void a_body_too_large_is_not_replayed(void **state)
{
    (void)state;
    struct loss l = loss(STAGE_BODY, SMTP_CLIENT_FAULT_LINK);
    l.replayable = false;
    struct decision d = failure_judge(&l);
    assert_int_equal(d.cure, CURE_ANSWER);
    assert_int_equal(d.say, OWN_NOT_REPLAYABLE);
    l.fault = SMTP_CLIENT_FAULT_PROTOCOL;
    assert_int_equal(failure_judge(&l).say, OWN_MALFORMED);
}

static void dead_on_first_use_does_not_count_but_ends(void **state)
{
    (void)state;
    struct loss l = loss(STAGE_ENVELOPE, SMTP_CLIENT_FAULT_LINK);
    l.first_use = l.replaced = true;
    assert_int_equal(failure_judge(&l).cure, CURE_REPLACE_SILENTLY);
    assert_false(failure_judge(&l).other_port);
    /* leftovers of the pooled session, not an answer to us */
    l.fault = SMTP_CLIENT_FAULT_PROTOCOL;
    assert_int_equal(failure_judge(&l).cure, CURE_REPLACE_SILENTLY);
    l.fault = SMTP_CLIENT_FAULT_LINK;
    l.first_uses = 1000;
    assert_int_equal(failure_judge(&l).cure, CURE_ANSWER);
}

static void nothing_owed_nothing_done(void **state)
{
    (void)state;
    struct loss l = loss(STAGE_REST, SMTP_CLIENT_FAULT_LINK);
    l.promised = l.awaited = false;
    assert_int_equal(failure_judge(&l).cure, CURE_LATER);
    l.promised = true;
    assert_int_equal(failure_judge(&l).cure, CURE_REPLACE);
}

/* It does not count, it asks for no other port; but what is not here any more cannot be said
 * again. */
static void one_too_many_is_waited_for(void **state)
{
    (void)state;
    struct loss l = loss(STAGE_ENVELOPE, SMTP_CLIENT_FAULT_REPLY);
    l.one_too_many = l.replaced = true;
    assert_int_equal(failure_judge(&l).cure, CURE_WAIT);
    assert_false(failure_judge(&l).other_port);
    l.replayable = false;
    assert_int_equal(failure_judge(&l).cure, CURE_ANSWER);
}

/* The next port, once; and whatever becomes of it, in the service's words. One that refuses us is
 * not asked again, nor anybody else for it. */
static void a_service_that_does_not_work(void **state)
{
    static const enum smtp_client_fault both[] = {SMTP_CLIENT_FAULT_SERVICE,
                                                  SMTP_CLIENT_FAULT_STRANGE};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct loss l = loss(STAGE_BODY, both[i]);
        assert_int_equal(failure_judge(&l).cure, CURE_REPLACE);
        assert_true(failure_judge(&l).other_port);
        l.replaced = true;
        assert_int_equal(failure_judge(&l).cure, CURE_ANSWER);
        assert_int_equal(failure_judge(&l).say, OWN_SERVICE);
        l.replaced = l.replayable = false;
        assert_int_equal(failure_judge(&l).say, OWN_SERVICE);
        l = loss(STAGE_SENT, both[i]);
        assert_int_equal(failure_judge(&l).cure, CURE_ANSWER);
        assert_int_equal(failure_judge(&l).say, OWN_LOST_SENT);
    }
    struct loss barred = loss(STAGE_BODY, SMTP_CLIENT_FAULT_BARRED);
    assert_int_equal(failure_judge(&barred).cure, CURE_ANSWER);
    assert_int_equal(failure_judge(&barred).say, OWN_BARRED);
}

static void a_services_words_are_passed_on(void **state)
{
    struct reply said, r;
    char words[1024];
    (void)state;
    reply_init(&said);
    reply_init(&r);
    said.code = 451;
    strcpy(said.enhanced, "4.3.2");
    assert_true(buf_printf(&said.text, "Gmail takes no more"));
    failure_pass_on(&r, &said, "abc");
    assert_string_equal(reply_words(&r, words, sizeof words),
                        "451 4.3.2 Gmail takes no more [abc]");
    for (int i = 0; i < 100; i++)
        assert_true(buf_printf(&said.text, " and more"));
    failure_pass_on(&r, &said, "abc");
    assert_true(slice_is(slice_from(buf_view(&r.text), r.text.len - 6), " [abc]"));
    assert_in_range(r.text.len, 400, 480);
    reply_free(&said);
    reply_free(&r);
}

static void replies(void **state)
{
    (void)state;
    struct reply r;
    char words[1024];
    reply_init(&r);
    struct own_words w = {.host = "smtp.example.com",
                          .detail = "587 timeout-connect, 2525 refused"};
    failure_say(&r, OWN_NO_PORT, "abc", &w);
    assert_string_equal(
        reply_words(&r, words, sizeof words),
        "451 4.4.1 no port of smtp.example.com works: 587 timeout-connect, 2525 refused [abc]");
    failure_say(&r, OWN_CREDENTIALS, "abc", &w);
    assert_string_equal(reply_words(&r, words, sizeof words),
                        "451 4.3.5 smtp.example.com refuses the configured credentials [abc]");
    for (enum own own = OWN_NOTHING + 1; own < OWN_COUNT; own++) {
        failure_say(&r, own, "abc", &w);
        bool keeps = own == OWN_WILL_BE_KEPT || own == OWN_KEPT;
        assert_in_range(r.code, keeps ? 250 : 421, keeps ? 250 : 554);
        assert_int_equal(r.enhanced[0], '0' + r.code / 100);
        struct slice text = buf_view(&r.text);
        assert_true(slice_is(slice_from(text, text.len - 6), " [abc]"));
        bool permanent = failure_result(own) == RESULT_REFUSED;
        assert_int_equal(permanent, r.code >= 500);
    }
    reply_free(&r);
}

static enum keep keep_reply(enum keep_when when, int code, const char *enhanced)
{
    struct reply r;
    reply_init(&r);
    r.code = code;
    snprintf(r.enhanced, sizeof r.enhanced, "%s", enhanced);
    enum keep keep = failure_keep(when, OWN_NOTHING, &r);
    reply_free(&r);
    return keep;
}

/* What speaks of the account or of the link is kept; a verdict on the message is not, but for a
 * 4xx where the configuration says so. */
static void what_is_kept(void **state)
{
    (void)state;
    static const struct {
        enum own own;
        enum keep outage, temporary;
    } rows[] = {
        {OWN_NO_PORT, KEEP_NO_PORT, KEEP_NO_PORT},
        {OWN_TLS, KEEP_NO_PORT, KEEP_NO_PORT},
        {OWN_CREDENTIALS, KEEP_CREDENTIALS, KEEP_CREDENTIALS},
        {OWN_AUTH_TEMPORARY, KEEP_CREDENTIALS, KEEP_CREDENTIALS},
        {OWN_TOKEN, KEEP_TOKEN, KEEP_TOKEN},
        {OWN_BUSY, KEEP_BUSY, KEEP_BUSY},
        {OWN_ACCOUNT_RATE, KEEP_RATE, KEEP_RATE},
        {OWN_LOST_TWICE, KEEP_LOST_LINK, KEEP_LOST_LINK},
        {OWN_LOST_SENT, KEEP_LOST_LINK, KEEP_LOST_LINK},
        {OWN_NOT_TAKEN, KEEP_LOST_LINK, KEEP_LOST_LINK},
        {OWN_NOT_REPLAYABLE, KEEP_LOST_LINK, KEEP_LOST_LINK},
        {OWN_SERVICE, KEEP_NO_PORT, KEEP_NO_PORT},
        {OWN_OTHER_PORT, KEEP_NO_PORT, KEEP_NO_PORT},
        {OWN_BARRED, KEEP_CREDENTIALS, KEEP_CREDENTIALS},
        {OWN_THROTTLED, KEEP_RATE, KEEP_RATE},
        {OWN_OTHERS, KEEP_NOT, KEEP_NOT},
        {OWN_NO_ROOM, KEEP_NOT, KEEP_NOT},
        {OWN_CHANGED, KEEP_NOT, KEEP_TEMPORARY},
        {OWN_HOPS, KEEP_NOT, KEEP_NOT},
        {OWN_TOO_BIG, KEEP_NOT, KEEP_NOT},
        {OWN_NO_ROUTE, KEEP_NOT, KEEP_NOT},
        {OWN_SHUTDOWN, KEEP_NOT, KEEP_NOT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(failure_keep(KEEP_WHEN_NEVER, rows[i].own, NULL), KEEP_NOT);
        assert_int_equal(failure_keep(KEEP_WHEN_OUTAGE, rows[i].own, NULL), rows[i].outage);
        assert_int_equal(failure_keep(KEEP_WHEN_TEMPORARY, rows[i].own, NULL), rows[i].temporary);
    }
    assert_int_equal(keep_reply(KEEP_WHEN_OUTAGE, 450, "4.2.0"), KEEP_NOT);
    assert_int_equal(keep_reply(KEEP_WHEN_TEMPORARY, 450, "4.2.0"), KEEP_TEMPORARY);
    assert_int_equal(keep_reply(KEEP_WHEN_TEMPORARY, 250, "2.0.0"), KEEP_NOT);
    assert_int_equal(keep_reply(KEEP_WHEN_TEMPORARY, 550, "5.1.1"), KEEP_NOT);
    assert_int_equal(keep_reply(KEEP_WHEN_OUTAGE, 550, "5.4.5"), KEEP_RATE);
    assert_int_equal(keep_reply(KEEP_WHEN_OUTAGE, 530, "5.7.0"), KEEP_CREDENTIALS);
    assert_int_equal(keep_reply(KEEP_WHEN_NEVER, 530, "5.7.0"), KEEP_NOT);
}

static void the_id_survives_long_words(void **state)
{
    (void)state;
    char many[3000];
    memset(many, 'x', sizeof many);
    many[sizeof many - 1] = '\0';
    struct reply r;
    reply_init(&r);
    failure_say(&r, OWN_NO_PORT, "abcdefghijk", &(struct own_words){.host = many, .detail = many});
    struct slice text = buf_view(&r.text);
    assert_true(text.len < 490);
    assert_true(slice_is(slice_from(text, text.len - 14), " [abcdefghijk]"));
    reply_free(&r);
}

static void refusals(void **state)
{
    (void)state;
    assert_int_equal(failure_code(failure_of_refusal(REFUSAL_TLS)), 451);
    assert_string_equal(failure_enhanced(failure_of_refusal(REFUSAL_TLS)), "4.7.5");
    assert_string_equal(failure_enhanced(failure_of_refusal(REFUSAL_CREDENTIALS)), "4.3.5");
    assert_string_equal(failure_enhanced(failure_of_refusal(REFUSAL_LOOP)), "4.3.5");
    assert_string_equal(failure_enhanced(failure_of_refusal(REFUSAL_AUTH_TEMPORARY)), "4.7.0");
    assert_string_equal(failure_enhanced(failure_of_refusal(REFUSAL_TOKEN)), "4.7.0");
    assert_true(failure_is_worth_another_account(failure_of_refusal(REFUSAL_TOKEN)));
    struct reply r;
    reply_init(&r);
    failure_say(&r, OWN_TOKEN, "abcdefghijk",
                &(struct own_words){.host = "mail.example", .detail = "the secret has expired"});
    assert_true(slice_is(buf_view(&r.text), "no access token for mail.example: the secret has "
                                            "expired [abcdefghijk]"));
    reply_free(&r);
    assert_string_equal(failure_enhanced(failure_of_refusal(REFUSAL_NO_PORT)), "4.4.1");
    assert_string_equal(failure_enhanced(failure_of_refusal(REFUSAL_BUSY)), "4.4.5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_resent_after_sent),
        cmocka_unit_test(a_lost_link_is_replaced_once),
        cmocka_unit_test(a_body_too_large_is_not_replayed),
        cmocka_unit_test(dead_on_first_use_does_not_count_but_ends),
        cmocka_unit_test(nothing_owed_nothing_done),
        cmocka_unit_test(one_too_many_is_waited_for),
        cmocka_unit_test(a_service_that_does_not_work),
        cmocka_unit_test(a_services_words_are_passed_on),
        cmocka_unit_test(replies),
        cmocka_unit_test(what_is_kept),
        cmocka_unit_test(the_id_survives_long_words),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
