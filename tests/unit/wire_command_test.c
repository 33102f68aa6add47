/* Command lines: what each is taken for, and what it may not carry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/command.h"

#define LIT(text)                                                                                  \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct row {
    struct slice line;
    enum command_fault fault;
    enum verb verb;
    const char *word, *args;
    bool keyword_ok;
} rows[] = {
    {LIT("EHLO host.example"), COMMAND_OK, VERB_EHLO, "EHLO", "host.example", true},
    {LIT("ehlo [192.0.2.1]"), COMMAND_OK, VERB_EHLO, "ehlo", "[192.0.2.1]", true},
    {LIT("HELO a b"), COMMAND_OK, VERB_HELO, "HELO", "a b", true},
    {LIT("HELO"), COMMAND_OK, VERB_HELO, "HELO", "", true},
    {LIT("data \t"), COMMAND_OK, VERB_DATA, "data", "", true},
    {LIT("BDAT 12 LAST"), COMMAND_OK, VERB_BDAT, "BDAT", "12 LAST", true},
    {LIT("RSET"), COMMAND_OK, VERB_RSET, "RSET", "", true},
    {LIT("NOOP hello there"), COMMAND_OK, VERB_NOOP, "NOOP", "hello there", true},
    {LIT("vrfy root"), COMMAND_OK, VERB_VRFY, "vrfy", "root", true},
    {LIT("EXPN list"), COMMAND_OK, VERB_EXPN, "EXPN", "list", true},
    {LIT("HELP"), COMMAND_OK, VERB_HELP, "HELP", "", true},
    {LIT(" QUIT"), COMMAND_OK, VERB_QUIT, "QUIT", "", true},
    {LIT("STARTTLS"), COMMAND_OK, VERB_STARTTLS, "STARTTLS", "", true},
    {LIT("STARTTLSX"), COMMAND_OK, VERB_UNKNOWN, "STARTTLSX", "", true},
    {LIT("AUTH PLAIN AGEAYg=="), COMMAND_OK, VERB_AUTH, "AUTH", "PLAIN AGEAYg==", true},
    {LIT("XCLIENT ADDR=1.2.3.4"), COMMAND_OK, VERB_UNKNOWN, "XCLIENT", "ADDR=1.2.3.4", true},
    {LIT("M\xc3\xa4il"), COMMAND_OK, VERB_UNKNOWN, "M\xc3\xa4il", "", true},
    /* MAIL and RCPT */
    {LIT("MAIL FROM:<a@b> SIZE=1"), COMMAND_OK, VERB_MAIL, "MAIL", "<a@b> SIZE=1", true},
    {LIT("mail from:<A@b>"), COMMAND_OK, VERB_MAIL, "mail", "<A@b>", true},
    {LIT("MAIL\tFROM: \t<a@b> "), COMMAND_OK, VERB_MAIL, "MAIL", "<a@b>", true},
    {LIT("MAIL  FROM:<>"), COMMAND_OK, VERB_MAIL, "MAIL", "<>", true},
    {LIT("MAIL FROM : <a>"), COMMAND_OK, VERB_MAIL, "MAIL", "<a>", true},
    {LIT("MAIL FROM:"), COMMAND_OK, VERB_MAIL, "MAIL", "", true},
    {LIT("MAIL FROM"), COMMAND_OK, VERB_MAIL, "MAIL", "FROM", false},
    {LIT("MAIL"), COMMAND_OK, VERB_MAIL, "MAIL", "", false},
    {LIT("MAIL FROM <a@b>"), COMMAND_OK, VERB_MAIL, "MAIL", "FROM <a@b>", false},
    {LIT("MAIL TO:<a@b>"), COMMAND_OK, VERB_MAIL, "MAIL", "TO:<a@b>", false},
    {LIT("MAIL FROMAGE:<a@b>"), COMMAND_OK, VERB_MAIL, "MAIL", "FROMAGE:<a@b>", false},
    {LIT("MAILFROM:<a@b>"), COMMAND_OK, VERB_UNKNOWN, "MAILFROM:<a@b>", "", true},
    {LIT("RCPT TO:<a@b>"), COMMAND_OK, VERB_RCPT, "RCPT", "<a@b>", true},
    {LIT("rcpt to: a@b"), COMMAND_OK, VERB_RCPT, "rcpt", "a@b", true},
    {LIT("RCPT FROM:<a@b>"), COMMAND_OK, VERB_RCPT, "RCPT", "FROM:<a@b>", false},
    /* other protocols */
    {LIT("GET / HTTP/1.1"), COMMAND_OK, VERB_HTTP, "GET", "/ HTTP/1.1", true},
    {LIT("POST / HTTP/1.1"), COMMAND_OK, VERB_HTTP, "POST", "/ HTTP/1.1", true},
    {LIT("PUT /"), COMMAND_OK, VERB_HTTP, "PUT", "/", true},
    {LIT("HEAD /"), COMMAND_OK, VERB_HTTP, "HEAD", "/", true},
    {LIT("CONNECT a:25"), COMMAND_OK, VERB_HTTP, "CONNECT", "a:25", true},
    {LIT("OPTIONS *"), COMMAND_OK, VERB_HTTP, "OPTIONS", "*", true},
    {LIT("DELETE /"), COMMAND_OK, VERB_HTTP, "DELETE", "/", true},
    {LIT("patch /"), COMMAND_OK, VERB_HTTP, "patch", "/", true},
    {LIT("Host: mail.example"), COMMAND_OK, VERB_HTTP, "Host:", "mail.example", true},
    {LIT("user-agent: x y"), COMMAND_OK, VERB_HTTP, "user-agent:", "x y", true},
    {LIT("DATA:"), COMMAND_OK, VERB_UNKNOWN, "DATA:", "", true},
    {LIT(": x"), COMMAND_OK, VERB_UNKNOWN, ":", "x", true},
    {LIT("a/b: x"), COMMAND_OK, VERB_UNKNOWN, "a/b:", "x", true},
    {LIT("PROXY TCP4 1.2.3.4 5.6.7.8 1 2"), COMMAND_OK, VERB_PROXY, "PROXY",
     "TCP4 1.2.3.4 5.6.7.8 1 2", true},
    {LIT("PROXY TCP6 ::1 ::1 1 2"), COMMAND_OK, VERB_PROXY, "PROXY", "TCP6 ::1 ::1 1 2", true},
    {LIT("PROXY UNKNOWN"), COMMAND_OK, VERB_PROXY, "PROXY", "UNKNOWN", true},
    {LIT("PROXY"), COMMAND_OK, VERB_UNKNOWN, "PROXY", "", true},
    {LIT("PROXY TCP44 x"), COMMAND_OK, VERB_UNKNOWN, "PROXY", "TCP44 x", true},
    /* faults */
    {LIT(""), COMMAND_EMPTY, VERB_UNKNOWN, "", "", true},
    {LIT(" \t "), COMMAND_EMPTY, VERB_UNKNOWN, "", "", true},
    {LIT("\0"), COMMAND_CONTROLS, VERB_UNKNOWN, NULL, NULL, true},
    {LIT("RSET\0"), COMMAND_CONTROLS, VERB_UNKNOWN, NULL, NULL, true},
    {LIT("MAIL FROM:<a\rb@c>"), COMMAND_CONTROLS, VERB_MAIL, NULL, NULL, true},
    {LIT("MAIL FROM:<a\nb@c>"), COMMAND_CONTROLS, VERB_MAIL, NULL, NULL, true},
    {LIT("BDAT 10\r"), COMMAND_CONTROLS, VERB_BDAT, NULL, NULL, true},
    {LIT("NOOP \x7f"), COMMAND_CONTROLS, VERB_NOOP, NULL, NULL, true},
    {LIT("NOOP \x1b[31m"), COMMAND_CONTROLS, VERB_NOOP, NULL, NULL, true},
};

static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct command c;
        enum command_fault fault = command_parse(row->line, &c);
        if (fault != row->fault || c.verb != row->verb || c.keyword_ok != row->keyword_ok ||
            (row->word && !slice_is(c.word, row->word)) ||
            (row->args && !slice_is(c.args, row->args)))
            fail_msg("\"%.*s\": fault %d, verb %s, word \"%.*s\", args \"%.*s\", keyword %d",
                     (int)row->line.len, row->line.data, (int)fault, verb_name(c.verb),
                     (int)c.word.len, c.word.data, (int)c.args.len, c.args.data, c.keyword_ok);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(verb_name(VERB_MAIL), "MAIL");
    assert_string_equal(verb_name(VERB_STARTTLS), "STARTTLS");
    assert_string_equal(verb_name(VERB_HTTP), "HTTP");
    assert_string_equal(verb_name(VERB_PROXY), "PROXY");
    assert_string_equal(verb_name(VERB_UNKNOWN), "unknown");
    for (int verb = VERB_EHLO; verb < VERB_HTTP; verb++) {
        struct command c;
        assert_int_equal(command_parse(slice_of(verb_name((enum verb)verb)), &c), COMMAND_OK);
        assert_int_equal(c.verb, verb);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines), cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
