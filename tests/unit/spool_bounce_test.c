/* The text of a bounce: for people, for programs, and read back by a mail parser that is not
 * ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/caps.h"
#include "spool/bounce.h"

static char words_refused[] = "5.1.1 no such user\nreally",
            words_ours[] = "4.4.2 the link was lost";
static char empty[] = "", b[] = "b@example.org", c[] = "c@example.org", notify[] = "FAILURE,DELAY",
            orcpt[] = "rfc822;B+2Bx@example.org", envid[] = "QQ+3D314", sender[] = "a@example.net",
            id[] = "1k2l3m4n5o6", odd[] = "b\xc3\xbc@example.org";
static struct spool_recipient people[2];
static struct history_recipient fates[2];
static struct spool_envelope envelope;
static struct history history;
static const size_t both[] = {0, 1};
static struct bounce_facts facts;

static int set_up(void **state)
{
    (void)state;
    people[0] = (struct spool_recipient){b, notify, orcpt};
    people[1] = (struct spool_recipient){c, empty, empty};
    fates[0] = (struct history_recipient){FATE_REFUSED, 550, words_refused};
    fates[1] = (struct history_recipient){FATE_PUT_OFF, 0, words_ours};
    history = (struct history){.recipients = fates, .n = 2};
    envelope = (struct spool_envelope){.id = id,
                                       .sender = sender,
                                       .envid = envid,
                                       .ret = empty,
                                       .written_ms = 1767225600000,
                                       .recipients = people,
                                       .nrecipients = 2};
    facts =
        (struct bounce_facts){.envelope = &envelope,
                              .history = &history,
                              .recipients = both,
                              .n = 2,
                              .id = "1k2l3m4n5o6.b1",
                              .date = "Thu, 1 Jan 2026 00:00:00 +0000",
                              .from = "own@example.net",
                              .to = "a@example.net",
                              .hostname = "box.example.net",
                              .host = "smtp.example.com",
                              .finding = "",
                              .quoted = slice_of("Subject: the scan\r\nFrom: a@example.net\r\n")};
    return 0;
}

static const char *write_it(void)
{
    static char text[200000];
    struct buf out;
    buf_init(&out, sizeof text - 1);
    assert_true(bounce_write(&out, &facts));
    memcpy(text, buf_view(&out).data, out.len);
    text[out.len] = '\0';
    buf_free(&out);
    return text;
}

#define HAS(text, what) assert_non_null(strstr((text), (what)))
#define LACKS(text, what) assert_null(strstr((text), (what)))

static void it_says_what_to_do_first(void **state)
{
    (void)state;
    const char *text = write_it();
    HAS(text, "From: \"Mail Delivery System\" <own@example.net>\r\n");
    HAS(text, "\r\n\r\nTo send it again, run `smtp-detour spool retry 1k2l3m4n5o6`\r\n");
    HAS(text, "smtp.example.com answered: 550 5.1.1 no such user really\r\n");
    HAS(text, "report-type=delivery-status");
    HAS(text, "Reporting-MTA: dns; box.example.net\r\n");
    HAS(text, "Original-Envelope-Id: QQ=314\r\n");
    HAS(text, "Original-Recipient: rfc822; B+x@example.org\r\n"
              "Final-Recipient: rfc822; b@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n"
              "Remote-MTA: dns; smtp.example.com\r\n"
              "Diagnostic-Code: smtp; 550 5.1.1 no such user really\r\n");
    /* nobody said the other: no server, no smtp */
    HAS(text, "Final-Recipient: rfc822; c@example.org\r\nAction: failed\r\nStatus: 4.4.2\r\n"
              "Diagnostic-Code: x-smtp-detour; 4.4.2 the link was lost\r\n");
    HAS(text, "Content-Type: text/rfc822-headers\r\n");
    HAS(text, "Subject: the scan\r\n");
}

static void it_says_why(void **state)
{
    (void)state;
    facts.why = BOUNCE_UNKNOWN;
    facts.unknown = 3;
    HAS(write_it(), "It may have arrived up to 3 times");
    facts.why = BOUNCE_TOO_OLD;
    facts.age = (usec)5 * 86400 * USEC_PER_SEC;
    facts.finding = "no port of smtp.example.com works: 587 timeout-connect";
    HAS(write_it(), "It was tried for 5 days");
    HAS(write_it(),
        "What stood in the way: no port of smtp.example.com works: 587 timeout-connect");
}

static void the_status_is_the_last_replys(void **state)
{
    static const struct {
        unsigned code;
        const char *words, *status;
    } rows[] = {{550, "5.7.1 no", "5.7.1"}, {450, "4.2.0 later", "4.2.0"},
                {554, "no", "5.0.0"},       {451, "", "4.0.0"},
                {0, "", "4.4.7"},           {0, "no port works", "4.4.7"},
                {0, "5.6.7 none", "5.6.7"}, {550, "5.1.1000 x", "5.0.0"},
                {550, "5.1.1x", "5.0.0"},   {550, "2.1.1 x", "5.0.0"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char status[16], words[40];
        snprintf(words, sizeof words, "%s", rows[i].words);
        bounce_status(&(struct history_recipient){FATE_REFUSED, rows[i].code, words}, status);
        assert_string_equal(status, rows[i].status);
    }
    char status[16];
    bounce_status(&(struct history_recipient){FATE_WAITING, 0, NULL}, status);
    assert_string_equal(status, "4.4.7");
}

static void notify_is_heeded(void **state)
{
    (void)state;
    assert_true(bounce_is_wanted(""));
    assert_true(bounce_is_wanted("failure"));
    assert_true(bounce_is_wanted("SUCCESS,DELAY,FAILURE"));
    assert_false(bounce_is_wanted("NEVER"));
    assert_false(bounce_is_wanted("SUCCESS,DELAY"));
}

static void the_header_ends_at_a_blank_line(void **state)
{
    (void)state;
    assert_int_equal(bounce_header_length(slice_of("A: b\r\n\r\nbody")), 6);
    assert_int_equal(bounce_header_length(slice_of("A: b\r\n")), 6);
    assert_int_equal(bounce_header_length(slice_of("\r\nbody")), 0);
    assert_int_equal(bounce_header_length(slice_of("")), 0);
}

/* What others say forges no line, no field and no part. */
static void nothing_is_forged(void **state)
{
    static char evil[] = "no\r\n\r\n--=_1k2l3m4n5o6.b1_0\r\nAction: delivered\n\x1b[31m";
    static char evil_id[] = "x+0D+0AAction:+20delivered";
    (void)state;
    fates[0].words = evil;
    envelope.envid = evil_id;
    facts.quoted = slice_of("Subject: --=_1k2l3m4n5o6.b1_0--\r\n");
    const char *text = write_it();
    LACKS(text, "\nAction: delivered");
    LACKS(text, "\x1b");
    HAS(text, "boundary=\"=_1k2l3m4n5o6.b1_1\"");
}

static void utf8_only_where_the_message_was(void **state)
{
    (void)state;
    people[0].address = odd;
    const char *text = write_it();
    LACKS(text, "global");
    LACKS(text, "\xc3");
    envelope.smtputf8 = true;
    text = write_it();
    HAS(text, "Content-Type: message/global-delivery-status\r\n");
    HAS(text, "Content-Type: message/global-headers\r\n");
    HAS(text, "Final-Recipient: utf-8; b\xc3\xbc@example.org\r\n");
    facts.is_whole = true;
    HAS(write_it(), "Content-Type: message/global\r\n");
}

/* Python's email module, in every variant. */
static void another_parser_reads_it(void **state)
{
    static const char script[] =
        "import email,email.policy,sys\n"
        "m=email.message_from_binary_file(open(sys.argv[1],'rb'),policy=email.policy.default)\n"
        "def bad(m): return list(m.defects)+[d for p in m.iter_parts() for d in bad(p)] "
        "if m.is_multipart() and m.get_content_maintype()=='multipart' else list(m.defects)\n"
        "assert not bad(m), bad(m)\n"
        "assert m.get_content_type()=='multipart/report', m.get_content_type()\n"
        "assert m['content-type'].params['report-type']=='delivery-status'\n"
        "p=list(m.iter_parts())\n"
        "kinds=[x.get_content_type() for x in p]\n"
        "assert kinds==sys.argv[2].split(), kinds\n"
        "assert 'spool retry 1k2l3m4n5o6' in p[0].get_content().splitlines()[0]\n"
        "if kinds[1]=='message/delivery-status':\n"
        "    g=p[1].get_payload()\n"
        "    assert len(g)==3, g\n"
        "    assert [x['Action'] for x in g]==[None,'failed','failed']\n"
        "    assert [x['Status'] for x in g]==[None,'5.1.1','4.4.2']\n"
        "if kinds[2]=='message/rfc822': assert p[2].get_content()['Subject']=='the scan'\n"
        "assert m['From'].addresses[0].addr_spec=='own@example.net'\n";
    static const char *const kinds[] = {
        "text/plain message/delivery-status text/rfc822-headers",
        "text/plain message/delivery-status message/rfc822",
        "text/plain message/global-delivery-status message/global-headers",
        "text/plain message/global-delivery-status message/global"};
    (void)state;
    if (system("python3 -c 'import email' 2>/dev/null") != 0)
        skip();
    for (size_t i = 0; i < 4; i++) {
        char path[] = "/tmp/bounce-XXXXXX", code[] = "/tmp/bounce-XXXXXX", command[400];
        facts.is_whole = i % 2;
        envelope.smtputf8 = i >= 2;
        const char *text = write_it();
        int fd = mkstemp(path), script_fd = mkstemp(code);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        assert_int_equal(write(script_fd, script, strlen(script)), strlen(script));
        close(fd);
        close(script_fd);
        snprintf(command, sizeof command, "python3 %s %s '%s'", code, path, kinds[i]);
        int status = system(command);
        unlink(path);
        unlink(code);
        assert_int_equal(status, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_says_what_to_do_first, set_up),
        cmocka_unit_test_setup(it_says_why, set_up),
        cmocka_unit_test(the_status_is_the_last_replys),
        cmocka_unit_test(notify_is_heeded),
        cmocka_unit_test(the_header_ends_at_a_blank_line),
        cmocka_unit_test_setup(nothing_is_forged, set_up),
        cmocka_unit_test_setup(utf8_only_where_the_message_was, set_up),
        cmocka_unit_test_setup(another_parser_reads_it, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
