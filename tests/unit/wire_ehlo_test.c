/* What an EHLO reply promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mechanism.h"
#include "wire/ehlo.h"

#define BIT(id) (1U << MECHANISM_##id)

static void parse(const char *text, struct ehlo *e)
{
    struct reply r;
    reply_init(&r);
    r.code = 250;
    assert_true(buf_append_slice(&r.text, slice_of(text)));
    ehlo_parse(&r, e);
    reply_free(&r);
}

static void test_all(void **state)
{
    struct ehlo e;
    (void)state;
    parse("mx.example at your service, "
          "[192.0.2.1]"
          "\nPIPELINING\nStartTLS\n8BITMIME\nCHUNKING\nDSN\nSMTPUTF8\nENHANCEDSTATUSCODES\n"
          "SIZE 35882577\nAUTH PLAIN login\nXFOO bar",
          &e);
    assert_true(e.pipelining && e.starttls && e.eightbit && e.chunking && e.dsn && e.smtputf8 &&
                e.enhanced && e.auth && e.has_size);
    assert_false(e.starttls_mangled);
    assert_int_equal(e.size, 35882577);
    assert_int_equal(e.mechanisms, BIT(PLAIN) | BIT(LOGIN));
    assert_string_equal(e.mechanisms_text, "PLAIN login");
}

static void test_nothing(void **state)
{
    static const char *const texts[] = {"", "STARTTLS", "PIPELINING AUTH PLAIN", "mx\n",
                                        "mx\n\n\nPIPELININGX\nXSTARTTLS\n8BIT\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct ehlo e;
        parse(texts[i], &e);
        if (e.pipelining || e.starttls || e.eightbit || e.chunking || e.dsn || e.smtputf8 ||
            e.enhanced || e.auth || e.has_size || e.starttls_mangled || e.size || e.mechanisms ||
            e.mechanisms_text[0])
            fail_msg("\"%s\"", texts[i]);
    }
}

static void test_size(void **state)
{
    static const struct {
        const char *line;
        uint64_t size;
    } table[] = {
        {"SIZE", 0},
        {"SIZE 0", 0},
        {"size 1000", 1000},
        {"SIZE=1000", 1000},
        {"SIZE  7 x", 7},
        {"SIZE none", 0},
        {"SIZE 99999999999999999999", UINT64_MAX},
        {"SIZE -1", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct ehlo e;
        char text[64] = "mx\n";
        parse(strcat(text, table[i].line), &e);
        if (!e.has_size || e.size != table[i].size)
            fail_msg("\"%s\"", table[i].line);
    }
}

static void test_mechanisms(void **state)
{
    static const struct {
        const char *lines;
        bool auth;
        unsigned mechanisms;
        const char *text;
    } table[] = {
        {"AUTH", true, 0, ""},
        {"AUTH=LOGIN", true, BIT(LOGIN), "LOGIN"},
        {"AUTH=LOGIN PLAIN", true, BIT(LOGIN) | BIT(PLAIN), "LOGIN PLAIN"},
        {"AUTH PLAIN LOGIN\nAUTH=PLAIN LOGIN", true, BIT(LOGIN) | BIT(PLAIN), "PLAIN LOGIN"},
        {"AUTH PLAIN\nauth=cram-md5", true, BIT(PLAIN) | BIT(CRAM_MD5), "PLAIN cram-md5"},
        {"AUTH SCRAM-SHA-256 SCRAM-SHA-256-PLUS XOAUTH2  OAUTHBEARER", true,
         BIT(SCRAM_SHA_256) | BIT(XOAUTH2) | BIT(OAUTHBEARER),
         "SCRAM-SHA-256 SCRAM-SHA-256-PLUS XOAUTH2 OAUTHBEARER"},
        {"AUTH NTLM GSSAPI", true, 0, "NTLM GSSAPI"},
        {"AUTHX PLAIN", false, 0, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct ehlo e;
        char text[128] = "mx\n";
        parse(strcat(text, table[i].lines), &e);
        if (e.auth != table[i].auth || e.mechanisms != table[i].mechanisms ||
            strcmp(e.mechanisms_text, table[i].text) != 0)
            fail_msg("\"%s\": %x %s", table[i].lines, e.mechanisms, e.mechanisms_text);
    }
}

/* More names than there is room for: those that fit are listed, all that are known count. */
static void test_many_mechanisms(void **state)
{
    char text[2000] = "mx\nAUTH";
    struct ehlo e;
    (void)state;
    for (int i = 0; i < 40; i++) {
        char name[32] = " MECHANISM-NUMBER-00";
        name[strlen(name) - 2] = (char)('0' + i / 10);
        name[strlen(name) - 1] = (char)('0' + i % 10);
        strcat(text, name);
    }
    parse(strcat(text, " PLAIN"), &e);
    assert_int_equal(e.mechanisms, BIT(PLAIN));
    assert_true(strlen(e.mechanisms_text) < sizeof e.mechanisms_text);
    assert_ptr_equal(strstr(e.mechanisms_text, "MECHANISM-NUMBER-00 MECHANISM-NUMBER-01 "),
                     e.mechanisms_text);
}

static void test_mangled(void **state)
{
    static const struct {
        const char *line;
        bool mangled;
    } table[] = {
        {"XXXXXXXA", true},
        {"xxxxxxxx", true},
        {"STARTTLX", true},
        {"XXARTTLS", true},
        {"STARTTXX", true},
        {"STARTTLS", false},
        {"XXXXXXXA\nSTARTTLS", false},
        {"XXXXXXX", false},
        {"CHUNKING", false},
        {"SMTPUTF8", false},
        {"8BITMIME", false},
        {"XFORWARD", false},
        {"XXXXXXXXX", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct ehlo e;
        char text[64] = "mx\n";
        parse(strcat(text, table[i].line), &e);
        if (e.starttls_mangled != table[i].mangled)
            fail_msg("\"%s\"", table[i].line);
    }
}

static void test_fingerprint(void **state)
{
    struct ehlo a, b, c;
    (void)state;
    parse("mx1 hello 1.2.3.4\nSIZE 1\nDSN", &a);
    parse("mx2 hello\nSIZE 1\nDSN", &b);
    parse("mx1 hello 1.2.3.4\nSIZE 2\nDSN", &c);
    assert_true(a.fingerprint == b.fingerprint);
    assert_true(a.fingerprint != c.fingerprint);
    parse("mx1", &a);
    parse("", &b);
    assert_true(a.fingerprint == b.fingerprint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_mechanisms),
        cmocka_unit_test(test_many_mechanisms),
        cmocka_unit_test(test_mangled),
        cmocka_unit_test(test_fingerprint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
