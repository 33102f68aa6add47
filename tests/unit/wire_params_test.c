/* The parameters of MAIL and RCPT, against what was offered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/params.h"
#include "wire/xtext.h"

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct params_offer all = {true, true, true, true, true};
static const struct params_offer none = {false, false, false, false, false};

static const struct mail_row {
    const char *in;
    enum params_fault fault;
    bool has_size;
    uint64_t size;
    enum body_type body;
    bool smtputf8, has_auth;
    const char *ret, *envid;
} mail_rows[] = {
    {"", PARAMS_OK, false, 0, BODY_NONE, false, false, "", ""},
    {" \t", PARAMS_OK, false, 0, BODY_NONE, false, false, "", ""},
    {"SIZE=0", PARAMS_OK, true, 0, BODY_NONE, false, false, "", ""},
    {"size=12345678901", PARAMS_OK, true, 12345678901, BODY_NONE, false, false, "", ""},
    {"SIZE=18446744073709551615", PARAMS_OK, true, UINT64_MAX, BODY_NONE, false, false, "", ""},
    {"SIZE=18446744073709551616", PARAMS_OK, true, UINT64_MAX, BODY_NONE, false, false, "", ""},
    {"SIZE=99999999999999999999", PARAMS_OK, true, UINT64_MAX, BODY_NONE, false, false, "", ""},
    {"SIZE=1  BODY=8bitmime\tSMTPUTF8", PARAMS_OK, true, 1, BODY_8BITMIME, true, false, "", ""},
    {"BODY=7BIT RET=hdrs ENVID=a+2Bb AUTH=<>", PARAMS_OK, false, 0, BODY_7BIT, false, true, "hdrs",
     "a+2Bb"},
    {"RET=FULL AUTH=e+3Dmc2@example.com", PARAMS_OK, false, 0, BODY_NONE, false, true, "FULL", ""},
    {"ENVID=" HUNDRED, PARAMS_OK, false, 0, BODY_NONE, false, false, "", HUNDRED},
    {.in = "SIZE=", .fault = PARAMS_SYNTAX},
    {.in = "SIZE", .fault = PARAMS_SYNTAX},
    {.in = "SIZE=-1", .fault = PARAMS_SYNTAX},
    {.in = "SIZE=1x", .fault = PARAMS_SYNTAX},
    {.in = "SIZE=000000000000000000001", .fault = PARAMS_SYNTAX},
    {.in = "SIZE=1 SIZE=1", .fault = PARAMS_SYNTAX},
    {.in = "SIZE=1 size=2", .fault = PARAMS_SYNTAX},
    {.in = "BODY", .fault = PARAMS_SYNTAX},
    {.in = "BODY=BINARYMIME", .fault = PARAMS_SYNTAX},
    {.in = "BODY=8BITMIME BODY=8BITMIME", .fault = PARAMS_SYNTAX},
    {.in = "SMTPUTF8=yes", .fault = PARAMS_SYNTAX},
    {.in = "SMTPUTF8 SMTPUTF8", .fault = PARAMS_SYNTAX},
    {.in = "RET=SOME", .fault = PARAMS_SYNTAX},
    {.in = "RET=", .fault = PARAMS_SYNTAX},
    {.in = "ENVID=", .fault = PARAMS_SYNTAX},
    {.in = "ENVID=a=b", .fault = PARAMS_SYNTAX},
    {.in = "ENVID=a+2b", .fault = PARAMS_SYNTAX},
    {.in = "ENVID=a+0", .fault = PARAMS_SYNTAX},
    {.in = "ENVID=\xc3\xa4", .fault = PARAMS_SYNTAX},
    {.in = "ENVID=a\rb", .fault = PARAMS_SYNTAX},
    {.in = "ENVID=" HUNDRED "x", .fault = PARAMS_SYNTAX},
    {.in = "AUTH=", .fault = PARAMS_SYNTAX},
    {.in = "AUTH=a=b", .fault = PARAMS_SYNTAX},
    {.in = "=x", .fault = PARAMS_SYNTAX},
    {.in = "<b@c>", .fault = PARAMS_SYNTAX},
    {.in = "NOTIFY=NEVER", .fault = PARAMS_UNKNOWN},
    {.in = "XFOO", .fault = PARAMS_UNKNOWN},
    {.in = "BY=120;R", .fault = PARAMS_UNKNOWN},
    {.in = "SIZE=1 SIZES=1", .fault = PARAMS_UNKNOWN},
};

static void test_mail(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mail_rows / sizeof mail_rows[0]; i++) {
        const struct mail_row *row = &mail_rows[i];
        struct mail_params m = {0};
        enum params_fault fault = params_parse_mail(slice_of(row->in), &all, &m);
        if (fault != row->fault)
            fail_msg("\"%s\": fault %d", row->in, (int)fault);
        if (fault == PARAMS_OK &&
            (m.has_size != row->has_size || m.size != row->size || m.body != row->body ||
             m.smtputf8 != row->smtputf8 || m.has_auth != row->has_auth ||
             !slice_is(m.ret, row->ret) || !slice_is(m.envid, row->envid)))
            fail_msg("\"%s\"", row->in);
    }
}

static const struct rcpt_row {
    const char *in;
    enum params_fault fault;
    const char *notify, *orcpt;
} rcpt_rows[] = {
    {"", PARAMS_OK, "", ""},
    {"NOTIFY=NEVER", PARAMS_OK, "NEVER", ""},
    {"notify=success,Delay,FAILURE ORCPT=rfc822;a+2Bb@c", PARAMS_OK, "success,Delay,FAILURE",
     "rfc822;a+2Bb@c"},
    {"ORCPT=utf-8;\xc3\xa4@c", PARAMS_OK, "", "utf-8;\xc3\xa4@c"},
    {"ORCPT=x;" HUNDRED HUNDRED HUNDRED HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN "01234567",
     PARAMS_OK, "",
     "x;" HUNDRED HUNDRED HUNDRED HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN "01234567"},
    {.in = "ORCPT=x;" HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED, .fault = PARAMS_SYNTAX},
    {.in = "NOTIFY=", .fault = PARAMS_SYNTAX},
    {.in = "NOTIFY", .fault = PARAMS_SYNTAX},
    {.in = "NOTIFY=SOMETIMES", .fault = PARAMS_SYNTAX},
    {.in = "NOTIFY=NEVER,SUCCESS", .fault = PARAMS_SYNTAX},
    {.in = "NOTIFY=SUCCESS,", .fault = PARAMS_SYNTAX},
    {.in = "NOTIFY=,SUCCESS", .fault = PARAMS_SYNTAX},
    {.in = "NOTIFY=SUCCESS,SUCCESS", .fault = PARAMS_SYNTAX},
    {.in = "NOTIFY=NEVER NOTIFY=NEVER", .fault = PARAMS_SYNTAX},
    {.in = "ORCPT=rfc822", .fault = PARAMS_SYNTAX},
    {.in = "ORCPT=rfc822;", .fault = PARAMS_SYNTAX},
    {.in = "ORCPT=;a", .fault = PARAMS_SYNTAX},
    {.in = "ORCPT=rfc822;a+", .fault = PARAMS_SYNTAX},
    {.in = "ORCPT=rfc822;a=b", .fault = PARAMS_SYNTAX},
    {.in = "ORCPT=rfc822;\xc3\xa4", .fault = PARAMS_SYNTAX},
    {.in = "ORCPT=utf-8;\xc3", .fault = PARAMS_SYNTAX},
    {.in = "ORCPT=utf-8;\xc3\xa4\rb", .fault = PARAMS_SYNTAX},
    {.in = "SIZE=1", .fault = PARAMS_UNKNOWN},
    {.in = "XFOO=1", .fault = PARAMS_UNKNOWN},
};

static void test_rcpt(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rcpt_rows / sizeof rcpt_rows[0]; i++) {
        const struct rcpt_row *row = &rcpt_rows[i];
        struct rcpt_params r = {0};
        enum params_fault fault = params_parse_rcpt(slice_of(row->in), &all, &r);
        if (fault != row->fault)
            fail_msg("\"%s\": fault %d", row->in, (int)fault);
        if (fault == PARAMS_OK &&
            (!slice_is(r.notify, row->notify) || !slice_is(r.orcpt, row->orcpt)))
            fail_msg("\"%s\"", row->in);
    }
}

/* What was not offered is unknown, however well it is written. */
static void test_not_offered(void **state)
{
    static const char *const mail[] = {"SIZE=1",   "BODY=8BITMIME", "SMTPUTF8",
                                       "RET=FULL", "ENVID=x",       "AUTH=<>"};
    static const char *const rcpt[] = {"NOTIFY=NEVER", "ORCPT=rfc822;a"};
    struct mail_params m;
    struct rcpt_params r;
    (void)state;
    for (size_t i = 0; i < sizeof mail / sizeof mail[0]; i++)
        assert_int_equal(params_parse_mail(slice_of(mail[i]), &none, &m), PARAMS_UNKNOWN);
    for (size_t i = 0; i < sizeof rcpt / sizeof rcpt[0]; i++)
        assert_int_equal(params_parse_rcpt(slice_of(rcpt[i]), &none, &r), PARAMS_UNKNOWN);
    assert_int_equal(params_parse_mail(slice_of(""), &none, &m), PARAMS_OK);
    assert_int_equal(params_parse_rcpt(slice_of(""), &none, &r), PARAMS_OK);
    const struct params_offer dsn_only = {.dsn = true};
    assert_int_equal(params_parse_mail(slice_of("RET=FULL"), &dsn_only, &m), PARAMS_OK);
    assert_int_equal(params_parse_mail(slice_of("RET=FULL SIZE=1"), &dsn_only, &m), PARAMS_UNKNOWN);
    assert_int_equal(params_parse_rcpt(slice_of("ORCPT=utf-8;\xc3\xa4"), &dsn_only, &r),
                     PARAMS_SYNTAX);
}

static void test_xtext(void **state)
{
    static const struct {
        const char *in;
        bool ok;
    } table[] = {
        {"", true},     {"abc!~", true}, {"+2B+3D", true},    {"+", false},
        {"a+2", false}, {"+2b", false},  {"+G0", false},      {"=", false},
        {"a b", false}, {"\x7f", false}, {"\xc3\xa4", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (xtext_is_valid(slice_of(table[i].in)) != table[i].ok)
            fail_msg("\"%s\"", table[i].in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mail),
        cmocka_unit_test(test_rcpt),
        cmocka_unit_test(test_not_offered),
        cmocka_unit_test(test_xtext),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
