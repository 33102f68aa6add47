/* Mail that providers accept: the addresses that the upstream hears, the lines that are added,
 * refusals explained; pure parts first, then whole transactions in the simulated world. */
#include "relay_world.h"

#include "base/caps.h"
#include "delivery/copy.h"
#include "mail/explain.h"
#include "mail/rewrite_envelope.h"
#include "mail/rewrite_lines.h"
#include "wire/address.h"

/* ------------------------------------------------------------------ the envelope */

static struct address address(const char *text)
{
    struct address a;
    struct slice rest;
    assert_true(address_parse_path(slice_of(text), &a, &rest));
    return a;
}

static void assert_sender(const char *envelope_from, const char *qualify, const char *said,
                          const char *heard)
{
    struct upstream_config u = {.envelope_from = (char *)envelope_from, .qualify = (char *)qualify};
    struct address from = address(said);
    char *text = rewrite_sender(&u, &from);
    if (heard)
        assert_string_equal(text, heard);
    else
        assert_null(text);
    free(text);
}

static void senders(void **state)
{
    (void)state;
    assert_sender(NULL, NULL, "<a@b.c>", "a@b.c");
    assert_sender(NULL, "q.example", "<a@b.c>", "a@b.c");
    assert_sender(NULL, "q.example", "<root>", "root@q.example");
    assert_sender(NULL, "q.example", "<\"r r\">", "\"r r\"@q.example");
    assert_sender(NULL, NULL, "<root>", NULL);
    assert_sender("me@x.example", NULL, "<root>", "me@x.example");
    assert_sender("me@x.example", "q.example", "<a@b.c>", "me@x.example");
    assert_sender("me@x.example", "q.example", "<>", "");
    assert_sender(NULL, NULL, "<>", "");
}

static void a_sender_too_long_to_be_completed(void **state)
{
    (void)state;
    char said[CAP_ADDRESS + 1] = "";
    memset(said, 'a', CAP_ADDRESS - 5);
    assert_sender(NULL, "q.example", said, NULL);
}

static void assert_recipient(const struct aliases *aliases, const char *qualify, const char *said,
                             const char *heard)
{
    struct upstream_config u = {.qualify = (char *)qualify,
                                .envelope_from = (char *)"me@x.example"};
    struct address to = address(said);
    char *text = rewrite_recipient(aliases, &u, &to);
    if (heard)
        assert_string_equal(text, heard);
    else
        assert_null(text);
    free(text);
}

static void recipients(void **state)
{
    (void)state;
    struct alias items[] = {{(char *)"*", (char *)"ops@e.example"},
                            {(char *)"root", (char *)"admin@e.example"},
                            {(char *)"Postmaster", (char *)"p@e.example"}};
    struct aliases all = {items, 3}, named = {items + 1, 2}, none = {NULL, 0};
    assert_recipient(&all, "q.example", "<root@b.c>", "root@b.c");
    assert_recipient(&all, "q.example", "<root>", "admin@e.example");
    assert_recipient(&all, "q.example", "<ROOT>", "admin@e.example");
    assert_recipient(&all, "q.example", "<postMASTER>", "p@e.example");
    assert_recipient(&all, "q.example", "<cron>", "ops@e.example");
    assert_recipient(&named, "q.example", "<cron>", "cron@q.example");
    assert_recipient(&named, NULL, "<cron>", NULL);
    assert_recipient(&none, "q.example", "<Postmaster>", "Postmaster@q.example");
}

/* ------------------------------------------------------------------ lines */

static struct rewrite_plan plan_of(const struct upstream_config *u, const char *sender,
                                   const char *helo, const char *client, int how)
{
    struct addr a;
    struct rewrite_plan plan;
    assert_true(addr_parse(slice_of(client), &a));
    const struct rewrite_facts facts = {.upstream = u,
                                        .hostname = "gw.example",
                                        .sender = sender,
                                        .id = "abc",
                                        .seconds = 1767225600,
                                        .helo = helo,
                                        .client = &a,
                                        .esmtp = how & 1,
                                        .tls = how & 2,
                                        .authenticated = how & 4,
                                        .utf8 = how & 8};
    rewrite_plan_make(&plan, &facts);
    rewrite_plan_complete(&plan, &facts);
    return plan;
}

static void plan_free(struct rewrite_plan *plan)
{
    struct rewrite r;
    rewrite_begin(&r, plan, NULL, NULL);
    rewrite_free(&r);
}

static void the_lines_that_may_be_added(void **state)
{
    (void)state;
    struct upstream_config u = {.fix_headers = true};
    struct rewrite_plan p = plan_of(&u, "a@b.c", "x", "192.0.2.7", 1);
    assert_string_equal(p.date, "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n");
    assert_string_equal(p.message_id, "Message-ID: <1767225600.abc@gw.example>\r\n");
    assert_string_equal(p.from, "From: a@b.c\r\n");
    assert_true(!p.first && !p.header_from && p.separate);
    plan_free(&p);
    p = plan_of(&u, "", "x", "192.0.2.7", 1);
    assert_string_equal(p.from, "From: postmaster@gw.example\r\n");
    plan_free(&p);
    u.qualify = (char *)"q.example";
    p = plan_of(&u, "", "x", "192.0.2.7", 1);
    assert_string_equal(p.from, "From: postmaster@q.example\r\n");
    plan_free(&p);
    u = (struct upstream_config){.header_from = (char *)"me@x.example"};
    p = plan_of(&u, "a@b.c", "x", "192.0.2.7", 1);
    assert_string_equal(p.from, "From: me@x.example\r\n");
    assert_string_equal(p.header_from, "me@x.example");
    assert_true(!p.date && !p.message_id && !p.separate);
    plan_free(&p);
    u = (struct upstream_config){0};
    p = plan_of(&u, "a@b.c", "x", "192.0.2.7", 1);
    assert_true(!p.first && !p.date && !p.message_id && !p.from && !p.header_from && !p.separate);
}

static void assert_trace(const char *helo, const char *client, int how, const char *line)
{
    struct upstream_config u = {.received = true};
    struct rewrite_plan p = plan_of(&u, "a@b.c", helo, client, how);
    assert_string_equal(p.first, line);
    plan_free(&p);
}

#define ENDS "\r\n\tby gw.example with "
#define TAIL " id abc;\r\n\tThu, 1 Jan 2026 00:00:00 +0000\r\n"

static void trace_lines(void **state)
{
    (void)state;
    assert_trace("pc", "192.0.2.7", 0, "Received: from pc ([192.0.2.7])" ENDS "SMTP" TAIL);
    assert_trace("pc", "192.0.2.7", 2, "Received: from pc ([192.0.2.7])" ENDS "SMTP" TAIL);
    assert_trace("pc.lan", "2001:db8::7", 1,
                 "Received: from pc.lan ([IPv6:2001:db8::7])" ENDS "ESMTP" TAIL);
    assert_trace("pc", "192.0.2.7", 3, "Received: from pc ([192.0.2.7])" ENDS "ESMTPS" TAIL);
    assert_trace("pc", "192.0.2.7", 5, "Received: from pc ([192.0.2.7])" ENDS "ESMTPA" TAIL);
    assert_trace("pc", "192.0.2.7", 7, "Received: from pc ([192.0.2.7])" ENDS "ESMTPSA" TAIL);
    assert_trace("pc", "192.0.2.7", 15, "Received: from pc ([192.0.2.7])" ENDS "UTF8SMTPSA" TAIL);
    assert_trace("[192.0.2.7]", "192.0.2.7", 1,
                 "Received: from [192.0.2.7] ([192.0.2.7])" ENDS "ESMTP" TAIL);
    assert_trace("a (b) <c>\r\nX: \xc3\xa4;", "192.0.2.7", 1,
                 "Received: from a?\?b?\??c?\??X:?\??\? ([192.0.2.7])" ENDS "ESMTP" TAIL);
    assert_trace("", "192.0.2.7", 1, "Received: from unknown ([192.0.2.7])" ENDS "ESMTP" TAIL);
}

static void size_with_room_for_what_is_added(void **state)
{
    (void)state;
    struct upstream_config off = {0}, on = {.fix_headers = true};
    assert_int_equal(rewrite_size(&off, 5000, 0), 5000);
    assert_int_equal(rewrite_size(&on, 5000, 0), 6024);
    assert_int_equal(rewrite_size(&on, 5000, 100000), 6024);
    assert_int_equal(rewrite_size(&on, 5000, 5500), 5500);
    assert_int_equal(rewrite_size(&on, 5000, 5000), 5000);
    assert_int_equal(rewrite_size(&on, 5000, 4000), 6024);
    assert_true(rewrite_size(&on, UINT64_MAX, 0) == UINT64_MAX);
}

static void a_copy_that_is_not_whole_takes_what_is_added(void **state)
{
    (void)state;
    static char octets[CAP_REWRITE];
    struct copy_budget budget = {.used = CAP_REPLAY_TOTAL};
    struct copy c;
    copy_init(&c, &budget);
    copy_put(&c, slice_make(octets, CAP_CHUNK));
    copy_put(&c, slice_make(octets, CAP_REWRITE));
    assert_false(c.whole);
    assert_int_equal(copy_next(&c).len, CAP_CHUNK + CAP_REWRITE);
    copy_free(&c);
}

/* ------------------------------------------------------------------ refusals */

static void assert_help(int code, const char *enhanced, const char *text,
                        const struct upstream_config *u, const char *part)
{
    struct reply reply;
    reply_init(&reply);
    reply.code = code;
    snprintf(reply.enhanced, sizeof reply.enhanced, "%s", enhanced);
    assert_true(buf_append_slice(&reply.text, slice_of(text)));
    const char *help = explain_refusal(&reply, u);
    if (part && (!help || !strstr(help, part)))
        fail_msg("%s: %s", text, help ? help : "no help");
    if (!part)
        assert_null(help);
    reply_free(&reply);
}

static void refusals_explained(void **state)
{
    (void)state;
    struct upstream_config u = {0}, set = {.envelope_from = (char *)"a@b",
                                           .header_from = (char *)"a@b",
                                           .fix_headers = true,
                                           .qualify = (char *)"b"};
    const char *denied = "SMTP; Client does not have permissions to send as this sender";
    assert_help(550, "5.7.60", denied, &u, "envelope_from and header_from = ");
    assert_help(550, "5.7.60", "whatever", &u, "envelope_from and header_from = ");
    assert_help(550, "5.7.60", denied, &set, "at the provider");
    assert_help(554, "5.2.252",
                "SendAsDenied; me@example.com not allowed to send as you@example.com", &u,
                "envelope_from");
    assert_help(554, "",
                "Message rejected: Email address is not verified. The following identities failed",
                &u, "header_from");
    assert_help(550, "5.7.1", "Domain not verified", &u, "header_from = an");
    assert_help(450, "",
                "The from.email domain must be verified in your account to send emails. #MS42207",
                &u, "header_from = an");
    assert_help(550, "5.7.0", "This sender has not been confirmed: unverified sender", &u,
                "envelope_from and header_from = ");
    assert_help(553, "", "Sender is not allowed to relay emails", &u,
                "envelope_from and header_from = ");
    assert_help(550, "5.1.1", "Recipient address rejected: unverified address: mailbox full", &u,
                NULL);
    assert_help(550, "", "The from address does not match a verified Sender Identity.", &u,
                "header_from = ");
    assert_help(550, "5.7.1", "Unconfigured Sending Domain <example.com>", &u, "header_from = ");
    assert_help(553, "5.7.1", "<a@b.c>: Sender address rejected: not owned by user me", &u,
                "envelope_from = ");
    assert_help(553, "5.7.1", "<a@b.c>: SENDER ADDRESS REJECTED: NOT OWNED BY USER ME", &set,
                "at the provider");
    assert_help(504, "5.5.2", "<root>: Sender address rejected: need fully-qualified address", &u,
                "qualify = ");
    assert_help(504, "5.5.2", "<root>: Sender address rejected: need fully-qualified address", &set,
                NULL);
    assert_help(550, "5.7.1", "Messages missing a valid messageId header are not accepted.", &u,
                "fix_headers = yes");
    assert_help(550, "5.1.1", "no such user", &u, NULL);
    assert_help(550, "", "", &u, NULL);
}

/* ------------------------------------------------------------------ whole transactions */

static const struct sim_mail *taken(const struct scene *s, size_t n)
{
    assert_true(s->play.ledger->nmails > n);
    return &s->play.ledger->mails[n];
}

static void assert_body(const struct scene *s, size_t n, const char *text)
{
    char *body = slice_string(buf_view(&taken(s, n)->body));
    if (strcmp(body, text) != 0)
        fail_msg("%s\n--- instead of:\n%s", body, text);
    free(body);
}

/* The oracle compares with what the client sent: here it is not what must arrive. */
static void end(struct scene *s)
{
    sim_verdict_free(&s->verdict);
    stage_end(s);
}

static size_t count(struct slice text, const char *word)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += slice_starts(slice_from(text, i), word);
    return n;
}

static void headers_are_completed(void **state)
{
    (void)state;
    for (int chunking = 0; chunking < 2; chunking++) {
        struct scene s;
        stage_init(&s, ONE_PORT "fix_headers = yes\n");
        stage_port(&s, "192.0.2.1:587")->chunking = chunking;
        stage_message(&s, "b@example.org", "Subject: x\r\n\r\nbody\r\n");
        stage_message(&s, "b@example.org", "Date: d\r\nMessage-ID: m\r\nFrom: f\r\n\r\nbody\r\n");
        stage_message(&s, "b@example.org", "no header here\r\n");
        stage_message(&s, "b@example.org", "");
        stage_play(&s);
        assert_int_equal(s.play.ledger->nmails, 4);
        assert_body(&s, 1, "Date: d\r\nMessage-ID: m\r\nFrom: f\r\n\r\nbody\r\n");
        struct slice first = buf_view(&taken(&s, 0)->body), third = buf_view(&taken(&s, 2)->body);
        assert_true(slice_starts(first, "Subject: x\r\nDate: Thu, 1 Jan 2026 00:00:"));
        assert_int_equal(count(first, "@proxy.example.com>\r\nFrom: a@example.com\r\n\r\nbody\r\n"),
                         1);
        assert_true(slice_starts(third, "Date: "));
        assert_int_equal(count(third, "\r\nFrom: a@example.com\r\n\r\nno header here\r\n"), 1);
        assert_int_equal(count(buf_view(&taken(&s, 3)->body), "\r\nFrom: a@example.com\r\n\r\n"),
                         1);
        /* as the client sent it */
        assert_true(sim_log_has(s.play.sim, " size=20 "));
        end(&s);
    }
}

static void a_replay_adds_nothing_twice(void **state)
{
    (void)state;
    static char large[300 * 1024];
    memset(large, 'x', sizeof large);
    for (size_t i = 0; i + 64 < sizeof large; i += 64)
        memcpy(large + i, "\r\n", 2);
    memcpy(large, "From: a@example.com\r\n\r\nbody\r\n", 29);
    memcpy(large + sizeof large - 2, "\r\n", 2);
    for (int chunking = 0; chunking < 2; chunking++) {
        struct scene s;
        stage_init(&s, ONE_PORT "fix_headers = yes\nreceived = yes\nheader_from = me@x.example\n");
        struct sim_upstream_script *up = stage_port(&s, "192.0.2.1:587");
        up->chunking = chunking;
        up->faults[0] = (struct sim_fault_rule){
            .step = SIM_AT_BODY, .fault = SIM_FAULT_RESET, .times = 1, .bytes = 20000};
        struct sim_message *m = stage_message(&s, "b@example.org", "");
        m->body = large;
        m->len = sizeof large;
        stage_play(&s);
        assert_int_equal(s.struck, 1);
        assert_int_equal(stage_outcome(&s, 0)->final, 250);
        struct slice body = buf_view(&taken(&s, 0)->body);
        static const char *const once[] = {"Received: from ",
                                           "From: me@x.example\r\n",
                                           "Date: ",
                                           "Message-ID: ",
                                           "Reply-To: a@example.com\r\n",
                                           "X-Original-From: a@example.com\r\n\r\nbody\r\n"};
        assert_true(slice_starts(body, once[0]));
        for (size_t i = 0; i < sizeof once / sizeof once[0]; i++)
            assert_int_equal(count(body, once[i]), 1);
        end(&s);
    }
}

static void the_upstream_hears_other_addresses(void **state)
{
    (void)state;
    struct scene s;
    /* the simulator's file begins in [server] */
    stage_init(
        &s, "aliases = root=admin@example.net *=ops@example.net\n" ONE_PORT
            "senders = root@* a@example.com <>\nenvelope_from = me@x.example\nfix_headers = no\n");
    stage_port(&s, "192.0.2.1:587");
    struct sim_message *m = stage_message(&s, "Root", "x\r\n");
    m->to[1] = "cron";
    m->to[2] = "c@example.org";
    m->nto = 3;
    stage_message(&s, "b@example.org", "x\r\n")->from = "";
    /* patterns see what the client said */
    stage_message(&s, "b@example.org", "x\r\n")->from = "me@x.example";
    stage_play(&s);
    assert_string_equal(taken(&s, 0)->from, "me@x.example");
    assert_string_equal(taken(&s, 0)->to[0], "admin@example.net");
    assert_string_equal(taken(&s, 0)->to[1], "ops@example.net");
    assert_string_equal(taken(&s, 0)->to[2], "c@example.org");
    assert_string_equal(taken(&s, 1)->from, "");
    assert_int_equal(stage_outcome(&s, 2)->mail, 550);
    assert_true(
        sim_log_has(s.play.sim, " from=a@example.com sent_as=me@x.example to=Root nrcpt=3 "));
    assert_true(sim_log_has(s.play.sim, " from=\"\" to=b@example.org "));
    end(&s);
}

static void addresses_without_a_domain(void **state)
{
    (void)state;
    /* another account stands before the one that takes the message */
#define OTHER "[upstream other]\nhost = " HOST "\nsenders = x@example.com\nqualify = example.com\n"
    static const char *const ini[] = {OTHER ONE_PORT, OTHER ONE_PORT "qualify = example.net\n"};
    for (int i = 0; i < 2; i++) {
        struct scene s;
        stage_init(&s, ini[i]);
        stage_port(&s, "192.0.2.1:587");
        stage_message(&s, "b@example.org", "x\r\n")->from = "root";
        struct sim_message *m = stage_message(&s, "Postmaster", "x\r\n");
        m->to[1] = "b@example.org";
        m->nto = 2;
        stage_play(&s);
        assert_int_equal(stage_outcome(&s, 0)->mail, i ? 250 : 501);
        assert_int_equal(stage_outcome(&s, 1)->rcpt[0], i ? 250 : 501);
        assert_int_equal(stage_outcome(&s, 1)->rcpt[1], 250);
        assert_int_equal(stage_said(&s, "501 5.1.7 "), !i);
        assert_int_equal(stage_said(&s, "501 5.1.3 "), !i);
        if (i) {
            assert_string_equal(taken(&s, 0)->from, "root@example.net");
            assert_string_equal(taken(&s, 1)->to[0], "Postmaster@example.net");
        }
        end(&s);
    }
}

static void size_is_declared_with_a_margin(void **state)
{
    (void)state;
    struct scene s;
    stage_init(&s, ONE_PORT "fix_headers = yes\n");
    struct sim_upstream_script *up = stage_port(&s, "192.0.2.1:587");
    up->has_size = true;
    up->size = 3000;
    stage_message(&s, "b@example.org", "x\r\n")->parameters = "SIZE=100";
    stage_message(&s, "b@example.org", "x\r\n")->parameters = "SIZE=2900";
    stage_play(&s);
    assert_non_null(strstr(taken(&s, 0)->parameters, "SIZE=1124"));
    assert_non_null(strstr(taken(&s, 1)->parameters, "SIZE=3000"));
    end(&s);
}

static void a_refusal_goes_on_word_for_word_and_is_explained_once(void **state)
{
    (void)state;
    static const enum sim_step steps[] = {SIM_AT_MAIL, SIM_AT_RCPT, SIM_AT_DATA, SIM_AT_VERDICT};
    for (size_t i = 0; i < 4; i++) {
        struct scene s;
        stage_init(&s, ONE_PORT);
        struct sim_upstream_script *up = stage_port(&s, "192.0.2.1:587");
        up->chunking = false;
        up->faults[0] = (struct sim_fault_rule){
            .step = steps[i],
            .fault = SIM_FAULT_REPLY,
            .text = "554 5.2.252 SendAsDenied; me not allowed to send as you\r\n"};
        struct sim_message *m = stage_message(&s, "b@example.org", "x\r\n");
        m->to[1] = "c@example.org";
        m->nto = 2;
        stage_play(&s);
        assert_true(stage_said(&s, "554 5.2.252 SendAsDenied; me not allowed to send as you\r\n"));
        size_t lines = 0;
        for (size_t k = 0; k < sim_log_count(s.play.sim); k++)
            lines += strstr(sim_log_line(s.play.sim, k),
                            "help=\"envelope_from and header_from = ") != NULL;
        assert_int_equal(lines, 1);
        end(&s);
    }
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(senders),
        cmocka_unit_test(a_sender_too_long_to_be_completed),
        cmocka_unit_test(recipients),
        cmocka_unit_test(the_lines_that_may_be_added),
        cmocka_unit_test(trace_lines),
        cmocka_unit_test(size_with_room_for_what_is_added),
        cmocka_unit_test(a_copy_that_is_not_whole_takes_what_is_added),
        cmocka_unit_test(refusals_explained),
        cmocka_unit_test(headers_are_completed),
        cmocka_unit_test(a_replay_adds_nothing_twice),
        cmocka_unit_test(the_upstream_hears_other_addresses),
        cmocka_unit_test(addresses_without_a_domain),
        cmocka_unit_test(size_is_declared_with_a_margin),
        cmocka_unit_test(a_refusal_goes_on_word_for_word_and_is_explained_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
