/* What rewriting makes of headers: exact octets, whatever the cuts of the input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/caps.h"
#include "base/mem.h"
#include "mail/rewrite.h"

#define DATE "Date: D\r\n"
#define ID "Message-ID: <I>\r\n"
#define FROM "From: s@e\r\n"
#define TRACE "Received: T;\r\n\tD\r\n"
#define OURS "new@acc.example"

enum { FIX = 1, TRACED = 2, READDRESSED = 4 };

struct result {
    struct buf out;
    unsigned puts;
};

static void put(void *ctx, struct slice octets)
{
    struct result *r = ctx;
    assert_true(octets.len > 0);
    r->puts++;
    assert_true(buf_append_slice(&r->out, octets));
}

static void begin(struct rewrite *r, int what, struct result *result)
{
    struct rewrite_plan plan = {.separate = what & FIX};
    if (what & FIX) {
        plan.date = mem_string(DATE);
        plan.message_id = mem_string(ID);
        plan.from = mem_string(FROM);
    }
    if (what & TRACED)
        plan.first = mem_string(TRACE);
    if (what & READDRESSED) {
        free(plan.from);
        plan.from = mem_string("From: " OURS "\r\n");
        plan.header_from = mem_string(OURS);
    }
    *result = (struct result){0};
    buf_init(&result->out, 1024 * 1024);
    rewrite_begin(r, &plan, put, result);
    assert_null(plan.first);
}

/* In two pieces cut at `cut`, or octet by octet (0). */
static void feed(struct rewrite *r, struct slice in, size_t cut)
{
    if (cut) {
        rewrite_feed(r, slice_head(in, cut));
        rewrite_feed(r, slice_from(in, cut));
    }
    for (size_t i = 0; !cut && i < in.len; i++)
        rewrite_feed(r, slice_head(slice_from(in, i), 1));
    rewrite_end(r);
}

static void expect(int what, const char *in, const char *out)
{
    for (size_t cut = 0; cut <= strlen(in); cut++) {
        struct rewrite r;
        struct result result;
        begin(&r, what, &result);
        feed(&r, slice_of(in), cut);
        if (!slice_is(buf_view(&result.out), out)) {
            printf("cut at %zu of:\n%s\n--- made:\n%.*s\n--- instead of:\n%s\n", cut, in,
                   (int)result.out.len, result.out.len ? buf_view(&result.out).data : "", out);
            fail();
        }
        rewrite_free(&r);
        buf_free(&result.out);
    }
}

struct row {
    const char *in, *out;
};

static void expect_rows(int what, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        expect(what, rows[i].in, rows[i].out);
}
#define EXPECT_ROWS(what, rows) expect_rows((what), (rows), sizeof(rows) / sizeof((rows)[0]))

static void adds_what_is_missing(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Subject: x\r\n\r\nbody\r\n", "Subject: x\r\n" DATE ID FROM "\r\nbody\r\n"},
        {"From: a@b\r\nDate: now\r\n\r\nDate: x\r\n",
         "From: a@b\r\nDate: now\r\n" ID "\r\nDate: x\r\n"},
        {"date: x\r\nMESSAGE-id : y\r\nfrom:z\r\n\r\nb",
         "date: x\r\nMESSAGE-id : y\r\nfrom:z\r\n\r\nb"},
        {"Dates: x\r\nX-Date: x\r\nSubject: y\r\n Date: folded\r\n\r\n",
         "Dates: x\r\nX-Date: x\r\nSubject: y\r\n Date: folded\r\n" DATE ID FROM "\r\n"},
        /* there, and none of our business */
        {"Date:\r\nMessage-ID:\r\nFrom:\r\n\r\n", "Date:\r\nMessage-ID:\r\nFrom:\r\n\r\n"},
        {"Resent-Date: x\r\nResent-From: y\r\nResent-Message-ID: z\r\n\r\n",
         "Resent-Date: x\r\nResent-From: y\r\nResent-Message-ID: z\r\n" DATE ID FROM "\r\n"},
        {"\r\nbody\r\n", DATE ID FROM "\r\nbody\r\n"},
        {"\r\n", DATE ID FROM "\r\n"},
        {"", DATE ID FROM "\r\n"},
        {"Subject: x\r\n", "Subject: x\r\n" DATE ID FROM "\r\n"},
        {"Subject: x", "Subject: x\r\n" DATE ID FROM "\r\n"},
        {"From: a\r\nDate: b\r\nMessage-ID: c\r\n", "From: a\r\nDate: b\r\nMessage-ID: c\r\n"},
        {"From: a\r\nDate: b\r\nMessage-ID: c", "From: a\r\nDate: b\r\nMessage-ID: c"},
    };
    EXPECT_ROWS(FIX, rows);
}

#define SIGNED(names) "DKIM-Signature: v=1; bh=h=date; h=" names ";\r\n\tb=x\r\n"

/* A signature that covers a field's absence breaks when the field is added. */
static void adds_nothing_that_a_signature_excludes(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {SIGNED("from:to:subject:date") "From: a@b\r\n\r\nx",
         SIGNED("from:to:subject:date") "From: a@b\r\n" ID "\r\nx"},
        {SIGNED("From : DATE :\r\n message-Id") "\r\nx",
         SIGNED("From : DATE :\r\n message-Id") "\r\nx"},
        {SIGNED("from") "From: a@b\r\n\r\nx", SIGNED("from") "From: a@b\r\n" DATE ID "\r\nx"},
        {SIGNED("dates:x-date:resent-from") "\r\nx",
         SIGNED("dates:x-date:resent-from") DATE ID FROM "\r\nx"},
        {"Subject: x\r\n" SIGNED("to") "dkim-signature : a=b;h=date:from\r\n\r\n",
         "Subject: x\r\n" SIGNED("to") "dkim-signature : a=b;h=date:from\r\n" ID "\r\n"},
        {"X-DKIM-Signature: h=date\r\nDKIM-Signature: h=to\r\nX: h=date\r\n\r\n",
         "X-DKIM-Signature: h=date\r\nDKIM-Signature: h=to\r\nX: h=date\r\n" DATE ID FROM "\r\n"},
        {"DKIM-Signature: h=date", "DKIM-Signature: h=date\r\n" ID FROM "\r\n"},
        {SIGNED("date") "Date: now\r\n\r\n", SIGNED("date") "Date: now\r\n" ID FROM "\r\n"},
    };
    EXPECT_ROWS(FIX, rows);
}

static void separates_header_and_body(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Hello there\r\nDate: x\r\n", DATE ID FROM "\r\nHello there\r\nDate: x\r\n"},
        {"Hello\r\n", DATE ID FROM "\r\nHello\r\n"},
        {"Hello", DATE ID FROM "\r\nHello"},
        {" indented\r\n", DATE ID FROM "\r\n indented\r\n"},
        {": x\r\n", DATE ID FROM "\r\n: x\r\n"},
        {"\xc3\xa4: x\r\n", DATE ID FROM "\r\n\xc3\xa4: x\r\n"},
        /* by its form a field */
        {"http://x\r\n", "http://x\r\n" DATE ID FROM "\r\n"},
        {"Subject: x\r\nno field here\r\nDate: y\r\n",
         "Subject: x\r\n" DATE ID FROM "\r\nno field here\r\nDate: y\r\n"},
        {"From: a\r\nDate: b\r\nMessage-ID: c\r\nno field\r\n",
         "From: a\r\nDate: b\r\nMessage-ID: c\r\n\r\nno field\r\n"},
        {"Subject: x\r\nFrom me Thu Jan  1 00:00:00 2026\r\n",
         "Subject: x\r\n" DATE ID FROM "\r\nFrom me Thu Jan  1 00:00:00 2026\r\n"},
    };
    EXPECT_ROWS(FIX, rows);
}

static void drops_mbox_lines(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"From me@x Thu Jan  1 00:00:00 2026\r\nSubject: x\r\n\r\nb",
         "Subject: x\r\n" DATE ID FROM "\r\nb"},
        {"From me@x Thu Jan  1 00:00:00 2026\r\n", DATE ID FROM "\r\n"},
        {">From me@x Thu Jan  1 00:00:00 2026\r\nSubject: x\r\n\r\nb",
         "Subject: x\r\n" DATE ID FROM "\r\nb"},
        {">From now on, at 12:30\r\nMe\r\n", DATE ID FROM "\r\n>From now on, at 12:30\r\nMe\r\n"},
        {"From me@x Thu Jan  1 00:00:00 2026", DATE ID FROM "\r\n"},
        {"From me@x Thu Jan  1 00:00:00 2026\r\nHello\r\n", DATE ID FROM "\r\nHello\r\n"},
        {"From me@x Thu Jan  1 00:00:00 2026\r\n indented\r\n", DATE ID FROM "\r\n indented\r\n"},
        {"From now on, may we meet at 12:30?\r\nMe\r\n",
         DATE ID FROM "\r\nFrom now on, may we meet at 12:30?\r\nMe\r\n"},
        {"From Jan\r\n", DATE ID FROM "\r\nFrom Jan\r\n"},
        {"From now on", DATE ID FROM "\r\nFrom now on"},
        /* RFC 5322 4.5 */
        {"From : a@b\r\n\r\n", "From : a@b\r\n" DATE ID "\r\n"},
    };
    EXPECT_ROWS(FIX, rows);
    expect(0, "From me@x Thu Jan  1 00:00:00 2026\r\nSubject: x\r\n\r\n",
           "From me@x Thu Jan  1 00:00:00 2026\r\nSubject: x\r\n\r\n");
    expect(TRACED, "From me@x Thu Jan  1 00:00:00 2026\r\nSubject: x\r\n\r\n",
           TRACE "Subject: x\r\n\r\n");
}

static void changes_nothing_unasked(void **state)
{
    (void)state;
    static const char *const same[] = {"",
                                       "x",
                                       "Subject: x\r\n\r\nb\r\n",
                                       "Hello there\r\n",
                                       "\r\nb",
                                       "From a@b\r\n b\r\n\r\n",
                                       "From: a\r\nFrom: b\r\n\r\n"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        expect(0, same[i], same[i]);
}

static void puts_the_trace_line_first(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Received: old\r\nSubject: x\r\n\r\nb\r\n",
         TRACE "Received: old\r\nSubject: x\r\n\r\nb\r\n"},
        {"Hello there\r\n", TRACE "\r\nHello there\r\n"},
        {"Subject: x\r\nno field\r\n", TRACE "Subject: x\r\nno field\r\n"},
        {"\r\nb", TRACE "\r\nb"},
        {"", TRACE},
    };
    EXPECT_ROWS(TRACED, rows);
    expect(TRACED | FIX, "Subject: x\r\n\r\n", TRACE "Subject: x\r\n" DATE ID FROM "\r\n");
}

/* One that is no valid list: Reply-To gets what is meant. */
#define CLEANED(meant, value) "Reply-To:" meant "\r\nX-Original-From:" value "\r\n"
#define ORIGINAL(value) "Reply-To:" value "\r\nX-Original-From:" value "\r\n"

static void readdresses_from(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"From: old@x\r\nTo: y\r\n\r\nb", "From: " OURS "\r\nTo: y\r\n" ORIGINAL(" old@x") "\r\nb"},
        {"From: The Scanner <old@x>\r\n\r\n",
         "From: The Scanner <" OURS ">\r\n" ORIGINAL(" The Scanner <old@x>") "\r\n"},
        {"from:old@x (Scanner)\r\n\r\n",
         "from:" OURS " (Scanner)\r\n" ORIGINAL("old@x (Scanner)") "\r\n"},
        {"From: =?utf-8?Q?B=C3=BCro?=\r\n\t<old@x>\r\n\r\n",
         "From: =?utf-8?Q?B=C3=BCro?=\r\n\t<" OURS
         ">\r\n" ORIGINAL(" =?utf-8?Q?B=C3=BCro?=\r\n\t<old@x>") "\r\n"},
        {"From:\r\n old@x\r\n\r\n", "From:\r\n " OURS "\r\n" ORIGINAL("\r\n old@x") "\r\n"},
        {"From: \"a, <b@c>\" <old@x>\r\n\r\n",
         "From: \"a, <b@c>\" <" OURS ">\r\n" ORIGINAL(" \"a, <b@c>\" <old@x>") "\r\n"},
        {"From: (a (b@c), d) <@r,@s:old@x> (e)\r\n\r\n",
         "From: (a (b@c), d) <" OURS
         "> (e)\r\n" ORIGINAL(" (a (b@c), d) <@r,@s:old@x> (e)") "\r\n"},
        {"From: Doe, John <j@x>\r\n\r\n", "From: \"Doe, John\" <" OURS ">\r\n" CLEANED(
                                              " \"Doe, John\" <j@x>", " Doe, John <j@x>") "\r\n"},
        {"From: j@x <k@x>\r\n\r\n",
         "From: \"j@x\" <" OURS ">\r\n" CLEANED(" \"j@x\" <k@x>", " j@x <k@x>") "\r\n"},
        {"From: a@x.test; b@x.test\r\n\r\n",
         "From: " OURS "\r\n" CLEANED(" a@x.test, b@x.test", " a@x.test; b@x.test") "\r\n"},
        {"From: Third Floor o@x.test\r\n\r\n",
         "From: Third Floor <" OURS
         ">\r\n" CLEANED(" Third Floor <o@x.test>", " Third Floor o@x.test") "\r\n"},
        {"From: UPS 3: cellar <o@x.test>\r\n\r\n",
         "From: \"UPS 3: cellar\" <" OURS
         ">\r\n" CLEANED(" \"UPS 3: cellar\" <o@x.test>", " UPS 3: cellar <o@x.test>") "\r\n"},
        {"From: J. Q. Doe <o@x.test>\r\n\r\n",
         "From: \"J. Q. Doe\" <" OURS
         ">\r\n" CLEANED(" \"J. Q. Doe\" <o@x.test>", " J. Q. Doe <o@x.test>") "\r\n"},
        {"From: A [1] <a@x> B <b@x>\r\n\r\n",
         "From: \"A [1]\" <" OURS
         ">\r\n" CLEANED(" \"A [1]\" <a@x>, B <b@x>", " A [1] <a@x> B <b@x>") "\r\n"},
        {"From: a@x b@x\r\n\r\n", "From: " OURS "\r\n" CLEANED(" a@x, b@x", " a@x b@x") "\r\n"},
        {"From: =?utf-8?Q?B=C3=BC?=, 3. \"Stock \\\"W\" (x)\r\n <o@x>\r\n\r\n",
         "From: =?utf-8?Q?B=C3=BC?= \", 3. Stock \\\"W\" <" OURS
         ">\r\n" CLEANED(" =?utf-8?Q?B=C3=BC?= \", 3. Stock \\\"W\" <o@x>",
                         " =?utf-8?Q?B=C3=BC?=, 3. \"Stock \\\"W\" (x)\r\n <o@x>") "\r\n"},
        {"From: Hall 2,\r\n UPS: \"b\" =?x?q?y?= <o@x>\r\n\r\n",
         "From: \"Hall 2,\r\n UPS: b\" =?x?q?y?= <" OURS
         ">\r\n" CLEANED(" \"Hall 2,\r\n UPS: b\" =?x?q?y?= <o@x>",
                         " Hall 2,\r\n UPS: \"b\" =?x?q?y?= <o@x>") "\r\n"},
        {"From: <o@x.test.>\r\n\r\n",
         "From: <" OURS ">\r\n" CLEANED(" o@x.test", " <o@x.test.>") "\r\n"},
        {"From: \"a b\"@x\r\n\r\n", "From: " OURS "\r\n" ORIGINAL(" \"a b\"@x") "\r\n"},
        {"From: A <a@x>, B <b@x>\r\n\r\n",
         "From: A <" OURS ">\r\n" ORIGINAL(" A <a@x>, B <b@x>") "\r\n"},
        {"From: a@x,\r\n b@x\r\n\r\n", "From: " OURS "\r\n" ORIGINAL(" a@x,\r\n b@x") "\r\n"},
        {"From: J <a@x>, Doe\r\n\r\n",
         "From: J <" OURS ">\r\n" CLEANED(" J <a@x>", " J <a@x>, Doe") "\r\n"},
        {"From: \xc3\xa4 <\xc3\xa4@x>\r\n\r\n",
         "From: \xc3\xa4 <" OURS ">\r\n" ORIGINAL(" \xc3\xa4 <\xc3\xa4@x>") "\r\n"},
        {"From: \"never closed <old@x>\r\n\r\n",
         "From: " OURS "\r\nX-Original-From: \"never closed <old@x>\r\n\r\n"},
        {"From: a@x\"never closed\r\n\r\n",
         "From: " OURS "\r\nX-Original-From: a@x\"never closed\r\n\r\n"},
        {"From: me <old@x\r\n\r\n", "From: " OURS "\r\nX-Original-From: me <old@x\r\n\r\n"},
        {"From: " OURS ", b@x\r\n\r\n", "From: " OURS "\r\n" ORIGINAL(" " OURS ", b@x") "\r\n"},
        {"From: (a (b) c@d) old@x\r\n\r\n",
         "From: (a (b) c@d) " OURS "\r\n" ORIGINAL(" (a (b) c@d) old@x") "\r\n"},
        {"From: root\r\n\r\n", "From: " OURS "\r\nX-Original-From: root\r\n\r\n"},
        {"From: root (Cron Daemon)\r\n\r\n",
         "From: " OURS " (Cron Daemon)\r\nX-Original-From: root (Cron Daemon)\r\n\r\n"},
        {"From: (UPS\r\n (2)) ups.2\r\n\r\n",
         "From: (UPS\r\n (2)) " OURS "\r\nX-Original-From: (UPS\r\n (2)) ups.2\r\n\r\n"},
        {"From: Cron <root>\r\n\r\n",
         "From: Cron <" OURS ">\r\nX-Original-From: Cron <root>\r\n\r\n"},
        {"From: The Scanner\r\n\r\n", "From: " OURS "\r\nX-Original-From: The Scanner\r\n\r\n"},
        {"From: root, me\r\n\r\n", "From: " OURS "\r\nX-Original-From: root, me\r\n\r\n"},
        {"From: root (x\r\n\r\n", "From: " OURS "\r\nX-Original-From: root (x\r\n\r\n"},
        {"From: <>\r\n\r\n", "From: <" OURS ">\r\nX-Original-From: <>\r\n\r\n"},
        {"From: Us: a@x, b@x;\r\n\r\n",
         "From: Us <" OURS ">\r\n" CLEANED(" Us <a@x>, b@x", " Us: a@x, b@x;") "\r\n"},
        {"From:\r\n\r\n", "From: " OURS "\r\n\r\n"},
        {"From: old@x", "From: " OURS "\r\n" ORIGINAL(" old@x") "\r\n"},
    };
    EXPECT_ROWS(READDRESSED, rows);
}

static void leaves_what_is_right(void **state)
{
    (void)state;
    static const char *const same[] = {"From: " OURS "\r\n\r\n",
                                       "From: Me <NEW@ACC.example>\r\n\r\n",
                                       "From: Me\r\n <" OURS ">\r\nSender: <" OURS ">\r\n\r\n"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        expect(READDRESSED, same[i], same[i]);
}

static void keeps_one_from_and_the_sender_with_it(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Subject: x\r\n\r\n", "Subject: x\r\nFrom: " OURS "\r\n\r\n"},
        {"Hello there\r\n", "From: " OURS "\r\n\r\nHello there\r\n"},
        {"From: a@x\r\nFrom: b@x\r\n\r\n",
         "From: " OURS "\r\nX-Original-From: b@x\r\n" ORIGINAL(" a@x") "\r\n"},
        {"From: " OURS "\r\nFrom: b@x\r\n y\r\n\r\n",
         "From: " OURS "\r\nX-Original-From: b@x\r\n y\r\n\r\n"},
        {"Reply-To: r@x\r\nFrom: a@x\r\n\r\n",
         "Reply-To: r@x\r\nFrom: " OURS "\r\nX-Original-From: a@x\r\n\r\n"},
        {"From: a@x\r\nreply-to: r@x\r\n\r\n",
         "From: " OURS "\r\nreply-to: r@x\r\nX-Original-From: a@x\r\n\r\n"},
        {"Sender: S <s@x>\r\nFrom: " OURS "\r\n\r\n",
         "Sender: S <" OURS ">\r\nFrom: " OURS "\r\n\r\n"},
        {"From: a@x\r\nSender: nobody\r\n\r\n",
         "From: " OURS "\r\nSender: " OURS "\r\n" ORIGINAL(" a@x") "\r\n"},
        {"Resent-From: a@x\r\nX-Sender: b\r\nFrom: " OURS "\r\n\r\n",
         "Resent-From: a@x\r\nX-Sender: b\r\nFrom: " OURS "\r\n\r\n"},
    };
    EXPECT_ROWS(READDRESSED, rows);
    expect(READDRESSED | FIX, "From: a@x\r\n\r\n",
           "From: " OURS "\r\n" DATE ID ORIGINAL(" a@x") "\r\n");
}

/* ------------------------------------------------------------------ what is too large */

static size_t run(int what, struct slice in, size_t piece, struct rewrite *r, struct result *result)
{
    size_t most = 0;
    begin(r, what, result);
    for (size_t at = 0; at < in.len; at += piece) {
        size_t before = result->out.len;
        rewrite_feed(r, slice_head(slice_from(in, at), piece));
        assert_true(result->out.len - before <= piece + CAP_REWRITE);
        if (r->held.size > most)
            most = r->held.size;
    }
    rewrite_end(r);
    return most;
}

static void a_field_too_long_passes(void **state)
{
    (void)state;
    static char in[3 * CAP_HEADER_LINE];
    size_t n = (size_t)sprintf(in, "From: ");
    memset(in + n, 'x', 2 * CAP_HEADER_LINE);
    n += 2 * CAP_HEADER_LINE;
    n += (size_t)sprintf(in + n, "@x\r\n\r\nbody\r\n");
    for (size_t piece = 1; piece < 20000; piece = piece * 7 + 1) {
        struct rewrite r;
        struct result result;
        size_t most = run(READDRESSED, slice_make(in, n), piece, &r, &result);
        /* a power of two */
        assert_true(most <= 4 * CAP_HEADER_LINE);
        assert_true(r.too_long);
        assert_true(slice_equal(buf_view(&result.out), slice_make(in, n)));
        rewrite_free(&r);
        buf_free(&result.out);
    }
}

static void a_field_just_short_enough_does_not(void **state)
{
    (void)state;
    static char in[2 * CAP_HEADER_LINE];
    for (size_t extra = 0; extra < 2; extra++) {
        size_t n = (size_t)sprintf(in, "From: ");
        size_t name = CAP_HEADER_LINE - n - strlen(" <a@b>\r\n") + extra;
        memset(in + n, 'x', name);
        sprintf(in + n + name, " <a@b>\r\n\r\n");
        struct rewrite r;
        struct result result;
        run(READDRESSED, slice_of(in), 16384, &r, &result);
        assert_int_equal(r.too_long, extra);
        assert_true(result.out.len > 2 * CAP_HEADER_LINE || extra);
        rewrite_free(&r);
        buf_free(&result.out);
    }
}

static void a_name_too_long_is_none(void **state)
{
    (void)state;
    static char in[1100], out[1200];
    for (size_t len = 997; len < 1001; len++) {
        memset(in, 'n', len);
        strcpy(in + len, ": x\r\n\r\n");
        bool is_field = len + 1 <= 998;
        sprintf(out, "%s%s", is_field ? "" : DATE ID FROM "\r\n", in);
        if (is_field)
            strcpy(out + len + 5, DATE ID FROM "\r\n");
        struct rewrite r;
        struct result result;
        run(FIX, slice_of(in), 64, &r, &result);
        assert_true(slice_is(buf_view(&result.out), out));
        rewrite_free(&r);
        buf_free(&result.out);
    }
}

static void the_body_passes_in_one_piece(void **state)
{
    (void)state;
    static char body[CAP_CHUNK];
    struct rewrite r;
    struct result result;
    memset(body, 'x', sizeof body);
    begin(&r, FIX, &result);
    rewrite_feed(&r, slice_of("Subject: x\r\n\r\n"));
    unsigned puts = result.puts;
    rewrite_feed(&r, slice_make(body, sizeof body));
    assert_int_equal(result.puts, puts + 1);
    assert_int_equal(r.held.size, 0);
    rewrite_free(&r);
    buf_free(&result.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_what_is_missing),
        cmocka_unit_test(separates_header_and_body),
        cmocka_unit_test(adds_nothing_that_a_signature_excludes),
        cmocka_unit_test(drops_mbox_lines),
        cmocka_unit_test(changes_nothing_unasked),
        cmocka_unit_test(puts_the_trace_line_first),
        cmocka_unit_test(readdresses_from),
        cmocka_unit_test(leaves_what_is_right),
        cmocka_unit_test(keeps_one_from_and_the_sender_with_it),
        cmocka_unit_test(a_field_too_long_passes),
        cmocka_unit_test(a_field_just_short_enough_does_not),
        cmocka_unit_test(a_name_too_long_is_none),
        cmocka_unit_test(the_body_passes_in_one_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
