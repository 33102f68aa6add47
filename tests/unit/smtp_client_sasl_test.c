/* The SASL exchanges of the client half, step by step; SCRAM's are in smtp_client_scram_test.c. */
#include "smtp_sasl_steps.h"

static void test_plain(void **state)
{
    (void)state;
    struct sasl *s = make(MECHANISM_PLAIN);
    assert_true(sasl_speaks_first(s));
    assert_false(sasl_is_satisfied(s));
    expect_step(s, "", "AHVzZXJAZXhhbXBsZS50ZXN0AHBlbmNpbCDDpA==");
    assert_true(sasl_is_satisfied(s));
    /* The server did not read the initial response. */
    expect_step(s, "", "AHVzZXJAZXhhbXBsZS50ZXN0AHBlbmNpbCDDpA==");
    assert_true(sasl_is_satisfied(s));
    expect_step(s, "", NULL);
    sasl_free(&s);
    s = make(MECHANISM_PLAIN);
    expect_step(s, "", "AHVzZXJAZXhhbXBsZS50ZXN0AHBlbmNpbCDDpA==");
    /* a question that PLAIN does not know */
    expect_step(s, "VG9rZW46", NULL);
    sasl_free(&s);
}

static void test_login(void **state)
{
    (void)state;
    struct sasl *s = make(MECHANISM_LOGIN);
    assert_false(sasl_speaks_first(s));
    expect_step(s, "!! not base64 !!", "dXNlckBleGFtcGxlLnRlc3Q=");
    assert_false(sasl_is_satisfied(s));
    expect_step(s, "", "cGVuY2lsIMOk");
    assert_true(sasl_is_satisfied(s));
    expect_step(s, "", NULL);
    sasl_free(&s);
}

/* ---- tokens ---- */

static struct sasl *make_with(enum mechanism m, const char *name, const char *secret_text,
                              const char *host)
{
    struct err err;
    struct secret *secret = secret_new(slice_of(secret_text));
    struct sasl *s = sasl_new(
        m, &(struct sasl_login){.user = name, .secret = secret, .host = host, .port = 587}, &err);
    secret_free(&secret);
    return s;
}

static void expect_message(struct sasl *s, const char *challenge, const char *message)
{
    char *wanted = encoded(message);
    expect_step(s, challenge, wanted);
    free(wanted);
}

/* The example of Google's page on XOAUTH2, letter by letter. */
static void test_xoauth2(void **state)
{
    (void)state;
    struct sasl *s = make_with(MECHANISM_XOAUTH2, "someuser@example.com", token, NULL);
    assert_true(sasl_speaks_first(s));
    assert_false(sasl_is_satisfied(s));
    expect_step(s, "",
                "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSb"
                "GNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==");
    assert_true(sasl_is_satisfied(s));
    /* It was not read, and is asked for again, once. */
    expect_message(s, "",
                   "user=someuser@example.com\x01"
                   "auth=Bearer "
                   "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01");
    assert_true(sasl_is_satisfied(s));
    assert_string_equal(sasl_complaint(s), "");
    sasl_free(&s);
}

/* RFC 7628 section 4.1, with RFC 5801's escapes in the name. */
static void test_oauthbearer(void **state)
{
    (void)state;
    struct sasl *s = make_with(MECHANISM_OAUTHBEARER, "a,b=c@example.com", "tok", "mail.test");
    expect_message(s, "",
                   "n,a=a=2Cb=3Dc@example.com,\x01host=mail.test\x01port=587\x01"
                   "auth=Bearer tok\x01\x01");
    assert_true(sasl_is_satisfied(s));
    sasl_free(&s);
    s = make_with(MECHANISM_OAUTHBEARER, "u", "tok", NULL);
    expect_message(s, "",
                   "n,a=u,\x01"
                   "auth=Bearer tok\x01\x01");
    sasl_free(&s);
}

static void check_error_step(enum mechanism m, const char *answer)
{
    struct sasl *s = make_with(m, user, "tok", NULL);
    char *error = encoded("{\"status\":\"400\", \"schemes\" : \"Bearer\","
                          "\"scope\":\"https:\\/\\/mail.example.com\\/\"}");
    free(step(s, ""));
    expect_step(s, error, answer);
    /* whoever says yes now has not read what it said before */
    assert_false(sasl_is_satisfied(s));
    assert_string_equal(sasl_complaint(s),
                        "status 400, schemes Bearer, scope https://mail.example.com/");
    expect_step(s, error, NULL);
    free(error);
    sasl_free(&s);
}

static void test_token_refused(void **state)
{
    (void)state;
    check_error_step(MECHANISM_XOAUTH2, "");
    check_error_step(MECHANISM_OAUTHBEARER, "AQ==");
}

static void check_complaint(const char *challenge, const char *words)
{
    struct sasl *s = make_with(MECHANISM_XOAUTH2, user, "tok", NULL);
    free(step(s, ""));
    expect_step(s, challenge, "");
    assert_string_equal(sasl_complaint(s), words);
    sasl_free(&s);
}

/* Words that nothing depends on, in whatever form they come. */
static void test_complaints(void **state)
{
    static const char *const cases[][2] = {
        {"{\"status\":401,\"scope\":null}", "status 401, scope null"},
        {"{\"status\" : \"inv\\\"al\\u0001id\"", "status inv\"alu0001id"},
        {"{\"status\":\"", "status "},
        {"{\"status\":", "{\"status\":"},
        {"\"status\"", "\"status\""},
        {"no JSON\r\nat\x7f all\xff", "no JSON??at? all?"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *challenge = encoded(cases[i][0]);
        check_complaint(challenge, cases[i][1]);
        free(challenge);
    }
    check_complaint("?not base64?", "?not base64?");
    check_complaint("{\"status\":\"400\"}", "status 400");
    char *longest = mem_alloc(3001);
    memset(longest, 'x', 3000);
    longest[3000] = '\0';
    struct sasl *s = make_with(MECHANISM_XOAUTH2, user, "tok", NULL);
    free(step(s, ""));
    expect_step(s, longest, "");
    assert_int_equal(strlen(sasl_complaint(s)), CAP_TOKEN_COMPLAINT - 1);
    sasl_free(&s);
    free(longest);
}

static void test_what_no_token_is(void **state)
{
    static const enum mechanism mechanisms[] = {MECHANISM_XOAUTH2, MECHANISM_OAUTHBEARER};
    char *longest = mem_alloc(CAP_TOKEN + 2);
    (void)state;
    memset(longest, 'x', CAP_TOKEN + 1);
    longest[CAP_TOKEN + 1] = '\0';
    for (size_t i = 0; i < 2; i++) {
        assert_null(make_with(mechanisms[i], user, "", NULL));
        assert_null(make_with(mechanisms[i], user, "a b", NULL));
        assert_null(make_with(mechanisms[i], user,
                              "a\x01"
                              "auth=Bearer b",
                              NULL));
        assert_null(make_with(mechanisms[i], user, "caf\xc3\xa9", NULL));
        assert_null(make_with(mechanisms[i],
                              "u\x01"
                              "auth=Bearer x",
                              "tok", NULL));
        assert_null(make_with(mechanisms[i], user, longest, NULL));
        struct sasl *s = make_with(mechanisms[i], user, longest + 1, "mail.test");
        assert_non_null(s);
        char *response = step(s, "");
        assert_true(response && strlen(response) > CAP_AUTH_LINE);
        free(response);
        sasl_free(&s);
    }
    free(longest);
}

/* A forgotten step function is found here. */
static void test_every_mechanism_has_a_step(void **state)
{
    (void)state;
    for (int i = 0; i < MECHANISM_COUNT; i++) {
        enum mechanism m = (enum mechanism)i;
        struct sasl *s = make(m);
        char *challenge = sasl_speaks_first(s) ? encoded("") : encoded("<1@server>");
        char *response = step(s, challenge);
        assert_non_null(response);
        assert_true(response[0]);
        free(challenge);
        free(response);
        sasl_free(&s);
    }
}

static void test_password_with_nul(void **state)
{
    (void)state;
    struct err err;
    struct secret *secret = secret_new(slice_make("a\0b", 3));
    assert_null(
        sasl_new(MECHANISM_PLAIN, &(struct sasl_login){.user = user, .secret = secret}, &err));
    secret_free(&secret);
}

static void test_what_scram_cannot_carry(void **state)
{
    static const char *const odd[] = {"ses\xe9me", "a\tb", "x\xcd\xb8y" /* U+0378, unassigned */};
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct err err;
        struct secret *secret = secret_new(slice_of(odd[i]));
        assert_null(sasl_new(MECHANISM_SCRAM_SHA_256,
                             &(struct sasl_login){.user = user, .secret = secret}, &err));
        assert_int_equal(err.kind, ERR_INVALID);
        struct sasl *plain =
            sasl_new(MECHANISM_PLAIN, &(struct sasl_login){.user = user, .secret = secret}, &err);
        assert_non_null(plain);
        sasl_free(&plain);
        secret_free(&secret);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_xoauth2),
        cmocka_unit_test(test_oauthbearer),
        cmocka_unit_test(test_token_refused),
        cmocka_unit_test(test_complaints),
        cmocka_unit_test(test_what_no_token_is),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_login),
        cmocka_unit_test(test_every_mechanism_has_a_step),
        cmocka_unit_test(test_password_with_nul),
        cmocka_unit_test(test_what_scram_cannot_carry),
    };
    return cmocka_run_group_tests_name("smtp client sasl", tests, NULL, NULL);
}
