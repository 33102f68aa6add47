/* The message's file, the log beside it and the virtual clock, as octets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "spool/clock.h"
#include "spool/crc32c.h"
#include "spool/format.h"
#include "spool/history.h"

#define HOUR (3600 * USEC_PER_SEC)

static void the_checksum(void **state)
{
    char zeros[32] = {0};
    (void)state;
    /* RFC 3720 appendix B.4 */
    assert_int_equal(crc32c(0, slice_of("123456789")), 0xe3069283);
    assert_int_equal(crc32c(0, slice_make(zeros, 32)), 0x8a9136aa);
    struct slice nine = slice_of("123456789");
    for (size_t cut = 0; cut <= 9; cut++)
        assert_int_equal(crc32c(crc32c(0, slice_head(nine, cut)), slice_from(nine, cut)),
                         0xe3069283);
}

static struct spool_recipient people[] = {{"a@b.example", "", ""},
                                          {"\"odd one\"@b.example", "NEVER", "rfc822;x+2By"},
                                          {"%25@b.example", "", ""},
                                          {"-", "", ""}};
static const struct spool_envelope sample = {.id = "1k2l3m4n5o6.b2",
                                             .sequence = UINT64_MAX,
                                             .queued = INT64_C(1) << 60,
                                             .written_ms = 1767225600000,
                                             .bounce = SPOOL_BOUNCE_OWN,
                                             .account = "default",
                                             .listener = "lan",
                                             .client = "192.0.2.1:4711",
                                             .login = "",
                                             .destination = "",
                                             .reason = "no port of mx works: 587 refused\n",
                                             .date = "Thu, 01 Jan 2026 00:00:00 +0000",
                                             .message_id = "<1@x>",
                                             .sender = "j\xc3\xb6rg@b.example",
                                             .body = BODY_8BITMIME,
                                             .smtputf8 = true,
                                             .ret = "HDRS",
                                             .envid = "x+20y",
                                             .unknown = 2,
                                             .recipients = people,
                                             .nrecipients = 4};

static void a_head(void **state)
{
    struct buf b;
    struct spool_envelope e;
    size_t len;
    (void)state;
    buf_init(&b, 4096);
    assert_true(spool_head_write(&b, &sample));
    size_t whole = b.len;
    assert_true(buf_append(&b, "Subject: x\r\n", 12));
    for (size_t n = 0; n < whole; n++)
        assert_int_equal(spool_head_parse(slice_head(buf_view(&b), n), &e, &len), SPOOL_HEAD_MORE);
    assert_int_equal(spool_head_parse(buf_view(&b), &e, &len), SPOOL_HEAD_OK);
    assert_int_equal(len, whole);
    assert_string_equal(e.id, sample.id);
    assert_true(e.sequence == sample.sequence && e.queued == sample.queued &&
                e.written_ms == sample.written_ms && e.bounce == sample.bounce &&
                e.body == sample.body && e.smtputf8 && e.unknown == 2 && e.nrecipients == 4);
    assert_string_equal(e.reason, sample.reason);
    assert_string_equal(e.login, "");
    assert_string_equal(e.sender, sample.sender);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(e.recipients[i].address, people[i].address);
        assert_string_equal(e.recipients[i].notify, people[i].notify);
        assert_string_equal(e.recipients[i].orcpt, people[i].orcpt);
    }
    spool_envelope_free(&e);
    /* no octet of it may change */
    for (size_t n = 0; n < whole; n++) {
        char *at = b.data + b.head + n;
        *at ^= 1;
        assert_int_not_equal(spool_head_parse(buf_view(&b), &e, &len), SPOOL_HEAD_OK);
        *at ^= 1;
    }
    buf_free(&b);
    buf_init(&b, 100);
    assert_false(spool_head_write(&b, &sample));
    buf_free(&b);
}

static void a_tail(void **state)
{
    char tail[SPOOL_TAIL_SIZE];
    struct spool_tail t;
    (void)state;
    uint32_t crc = crc32c(0, slice_of("head and body"));
    spool_tail_write(tail, 4, 9, crc);
    assert_true(spool_tail_parse(slice_make(tail, sizeof tail), 13 + SPOOL_TAIL_SIZE, &t));
    assert_true(t.head == 4 && t.body == 9);
    assert_true(spool_tail_agrees(slice_make(tail, sizeof tail), crc));
    assert_false(spool_tail_agrees(slice_make(tail, sizeof tail), crc ^ 1));
    assert_false(spool_tail_parse(slice_make(tail, sizeof tail), 12 + SPOOL_TAIL_SIZE, &t));
    assert_false(spool_tail_parse(slice_make(tail, sizeof tail), 4, &t));
    for (size_t i = 0; i < sizeof tail; i++) {
        tail[i] ^= 1;
        assert_true(!spool_tail_parse(slice_make(tail, sizeof tail), 13 + SPOOL_TAIL_SIZE, &t) ||
                    !spool_tail_agrees(slice_make(tail, sizeof tail), crc));
        tail[i] ^= 1;
    }
}

static void names(void **state)
{
    (void)state;
    assert_true(spool_id_is_valid("1k2l3m4n5o6") && spool_id_is_valid("1k2l3m4n5o6.b12"));
    const char *const bad[] = {
        "", ".", "..", "../x", "a/b", "a b", "a\n", "a-b", "0123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(spool_id_is_valid(bad[i]));
}

static void a_history(void **state)
{
    struct buf b;
    struct history h;
    const size_t gone[] = {1, 2};
    (void)state;
    buf_init(&b, 4096);
    assert_true(history_add_dot(&b, "id", 1));
    assert_true(history_add_dot(&b, "id", 2));
    assert_true(history_add_fate(&b, "id", 0, FATE_SERVED, 250, "ok"));
    assert_true(history_add_fate(&b, "id", 1, FATE_PUT_OFF, 450, "not now, please\r\n"));
    assert_true(history_add_lost(&b, "id", 3));
    assert_true(history_add_fate(&b, "id", 2, FATE_REFUSED, 550, ""));
    assert_true(history_add_failed(&b, "id", gone, 2, 1, 5));
    assert_true(history_add_dot(&b, "id", 4));
    history_init(&h, 4);
    assert_int_equal(history_read(&h, "id", buf_view(&b)), b.len);
    struct history_count c = history_count(&h);
    assert_true(c.served == 1 && c.failed == 2 && c.waiting == 1 && c.refused == 0);
    assert_true(h.tries == 4 && h.bounces == 1 && h.failed_at == 5 && !h.again);
    /* the first try's, the third's, and the fourth's, which is still open */
    assert_int_equal(history_unknown(&h), 3);
    assert_string_equal(h.recipients[1].words, "not now, please\r\n");
    assert_int_equal(h.recipients[2].code, 550);
    history_free(&h);

    assert_true(history_add_again(&b, "id", 77));
    history_init(&h, 4);
    history_read(&h, "id", buf_view(&b));
    c = history_count(&h);
    assert_true(c.served == 1 && c.waiting == 3 && h.again && h.again_at == 77);
    assert_int_equal(history_unknown(&h), 0);
    assert_int_equal(h.bounces, 1);
    history_free(&h);

    /* another message's log says nothing of this one; nor does one of fewer recipients */
    history_init(&h, 4);
    assert_int_equal(history_read(&h, "di", buf_view(&b)), 0);
    history_free(&h);
    history_init(&h, 1);
    assert_true(history_read(&h, "id", buf_view(&b)) < b.len);
    history_free(&h);
    buf_free(&b);
}

static void served_stays_served(void **state)
{
    struct buf b;
    struct history h;
    const size_t all[] = {0};
    (void)state;
    buf_init(&b, 4096);
    assert_true(history_add_fate(&b, "id", 0, FATE_SERVED, 0, ""));
    assert_true(history_add_fate(&b, "id", 0, FATE_PUT_OFF, 450, ""));
    assert_true(history_add_failed(&b, "id", all, 1, 0, 6));
    assert_true(history_add_again(&b, "id", 1));
    history_init(&h, 1);
    assert_int_equal(history_read(&h, "id", buf_view(&b)), b.len);
    assert_int_equal(history_count(&h).served, 1);
    history_free(&h);
    buf_free(&b);
}

static void a_torn_log(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 4096);
    assert_true(history_add_fate(&b, "id", 0, FATE_SERVED, 0, ""));
    size_t first = b.len;
    assert_true(history_add_fate(&b, "id", 1, FATE_SERVED, 0, ""));
    for (size_t n = 0; n <= b.len; n++) {
        struct history h;
        history_init(&h, 2);
        size_t good = history_read(&h, "id", slice_head(buf_view(&b), n));
        assert_int_equal(good, n < first ? 0 : n < b.len ? first : b.len);
        assert_int_equal(history_count(&h).served, (n >= first) + (n == b.len));
        history_free(&h);
    }
    for (size_t n = 0; n < first; n++) {
        struct history h;
        b.data[b.head + n] ^= 4;
        history_init(&h, 2);
        assert_int_equal(history_read(&h, "id", buf_view(&b)), 0);
        history_free(&h);
        b.data[b.head + n] ^= 4;
    }
    buf_free(&b);
}

static void the_clock(void **state)
{
    struct spool_clock c;
    struct buf b;
    const struct spool_moment none = {0};
    const int64_t wall = 1767225600000;
    (void)state;
    buf_init(&b, 100);
    spool_clock_start(&c, slice_of(""), none, 5 * HOUR, 1000, 0, 24 * HOUR);
    assert_int_equal(spool_clock_now(&c, 1000 + HOUR), 6 * HOUR);
    assert_true(spool_clock_write(&c, &b, 1000 + HOUR, wall));
    /* off for an hour */
    spool_clock_start(&c, buf_view(&b), none, 0, 7, wall + 3600000, 24 * HOUR);
    assert_int_equal(spool_clock_now(&c, 7), 7 * HOUR);
    /* woke in 1970: no time has passed, and 2026 comes while it runs: not seen */
    spool_clock_start(&c, buf_view(&b), none, 0, 7, 5000, 24 * HOUR);
    assert_int_equal(spool_clock_now(&c, 7 + HOUR), 7 * HOUR);
    /* sixty years later: never more than the cap */
    spool_clock_start(&c, buf_view(&b), none, 0, 7, wall * 2, 24 * HOUR);
    assert_int_equal(spool_clock_now(&c, 7), 30 * HOUR);
    /* torn, or behind what a message knows */
    spool_clock_start(&c, slice_head(buf_view(&b), b.len - 1), none, 3 * HOUR, 7, wall, 24 * HOUR);
    assert_int_equal(spool_clock_now(&c, 7), 3 * HOUR);
    spool_clock_start(&c, buf_view(&b), none, 9 * HOUR, 7, wall, 24 * HOUR);
    assert_int_equal(spool_clock_now(&c, 7), 9 * HOUR);
    /* a message was accepted after the last line, and the wall clock had been set between them */
    spool_clock_start(&c, buf_view(&b), (struct spool_moment){7 * HOUR, wall * 2}, 7 * HOUR, 7,
                      wall * 2 + 3600000, 24 * HOUR);
    assert_int_equal(spool_clock_now(&c, 7), 8 * HOUR);
    /* the last wall clock had never been set; or is nonsense */
    spool_clock_start(&c, slice_of(""), (struct spool_moment){7 * HOUR, 5000}, 7 * HOUR, 7, wall,
                      24 * HOUR);
    assert_int_equal(spool_clock_now(&c, 7), 7 * HOUR);
    spool_clock_start(&c, buf_view(&b), (struct spool_moment){INT64_MAX, INT64_MIN}, 0, 7, wall,
                      24 * HOUR);
    assert_int_equal(spool_clock_now(&c, 7), 6 * HOUR);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checksum), cmocka_unit_test(a_head),
        cmocka_unit_test(a_tail),       cmocka_unit_test(names),
        cmocka_unit_test(a_history),    cmocka_unit_test(served_stays_served),
        cmocka_unit_test(a_torn_log),   cmocka_unit_test(the_clock)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
