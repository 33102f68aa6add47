/* Mozilla's autoconfiguration: which server it names, and what is not taken from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/setup_autoconfig.h"

#define ADDRESS "me.too@firm.test"
#define FILE_OF(servers)                                                                           \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<clientConfig version=\"1.1\">\n"                 \
    "<emailProvider id=\"firm.test\"><domain>firm.test</domain>\n"                                 \
    "<incomingServer type=\"imap\"><hostname>imap.firm.test</hostname><port>993</port>"            \
    "<socketType>SSL</socketType><username>x</username></incomingServer>\n" servers                \
    "</emailProvider></clientConfig>\n"
#define SERVER(host, port, socket, user)                                                           \
    "<outgoingServer type=\"smtp\"><hostname>" host "</hostname><port>" port                       \
    "</port><socketType>" socket "</socketType><username>" user "</username>"                      \
    "<authentication>password-cleartext</authentication></outgoingServer>\n"

static bool read_text(const char *text, struct autoconfig *c)
{
    return autoconfig_read(slice_of(text), ADDRESS, c);
}

static void test_servers(void **state)
{
    struct autoconfig c;
    (void)state;
    assert_true(read_text(FILE_OF(SERVER("smtp.firm.test", "465", "SSL", "%EMAILADDRESS%")
                                      SERVER("smtp.firm.test", " 587\n", "STARTTLS", "x")
                                          SERVER("smtp.firm.test", "2525", "STARTTLS", "x")),
                          &c));
    assert_string_equal(c.host, "smtp.firm.test");
    assert_string_equal(c.username, ADDRESS);
    assert_int_equal(c.nports, 2);
    assert_int_equal(c.ports[0].number, 465);
    assert_int_equal(c.ports[0].mode, PORT_IMPLICIT);
    assert_int_equal(c.ports[1].number, 587);
    assert_int_equal(c.ports[1].mode, PORT_STARTTLS);
}

static void test_names(void **state)
{
    struct autoconfig c;
    (void)state;
    assert_true(read_text(
        FILE_OF(SERVER("a.test", "587", "STARTTLS", "u-%EMAILLOCALPART%@%EMAILDOMAIN%&amp;")), &c));
    assert_string_equal(c.username, "u-me.too@firm.test&");
    assert_true(read_text(FILE_OF(SERVER("a.test", "587", "STARTTLS", "")), &c));
    assert_string_equal(c.username, "");
    assert_true(read_text(FILE_OF(SERVER("a.test", "587", "STARTTLS", "a&#10;b = c")), &c));
    assert_string_equal(c.username, "");
}

/* The first server of another host is not mixed with it, and nothing goes without TLS. */
static void test_what_is_passed_over(void **state)
{
    struct autoconfig c;
    (void)state;
    assert_true(read_text(FILE_OF(SERVER("plain.test", "25", "plain", "x")
                                      SERVER("b.test", "587", "STARTTLS", "x")
                                          SERVER("other.test", "465", "SSL", "x")),
                          &c));
    assert_string_equal(c.host, "b.test");
    assert_int_equal(c.nports, 1);
    assert_false(read_text(FILE_OF(SERVER("a.test", "25", "plain", "x")), &c));
    assert_false(read_text(FILE_OF(SERVER("a b", "587", "STARTTLS", "x")), &c));
    assert_false(read_text(FILE_OF(SERVER("a&#10;ports = 25", "587", "STARTTLS", "x")), &c));
    assert_false(read_text(FILE_OF(SERVER("a.test", "70000", "STARTTLS", "x")), &c));
    assert_false(read_text(FILE_OF(SERVER("a.test", "0", "STARTTLS", "x")), &c));
    assert_false(read_text(FILE_OF("<outgoingServer type=\"exchange\"><hostname>a.test</hostname>"
                                   "<port>587</port><socketType>SSL</socketType></outgoingServer>"),
                           &c));
}

static void test_what_is_no_such_file(void **state)
{
    static const char doctype[] =
        "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b "
        "\"&a;&a;&a;&a;\">]>";
    struct autoconfig c;
    char *text = malloc(70000), *end = text;
    (void)state;
    assert_false(read_text("", &c));
    assert_false(read_text("<html><p>Not found</html>", &c));
    assert_false(read_text("<clientConfig/>", &c));
    snprintf(text, 70000, "%s%s", doctype, &FILE_OF(SERVER("a.test", "587", "STARTTLS", "x"))[39]);
    assert_false(read_text(text, &c));
    for (int i = 0; i < 5000; i++)
        end += sprintf(end, "<a>");
    assert_false(read_text(text, &c));
    free(text);
}

/* Wherever it breaks off, it is none. */
static void test_broken_off(void **state)
{
    static const char text[] = FILE_OF(SERVER("a.test", "587", "STARTTLS", "x"));
    struct autoconfig c;
    (void)state;
    for (size_t len = 0; len + 2 < strlen(text); len++)
        assert_false(autoconfig_read(slice_make(text, len), ADDRESS, &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_what_is_passed_over),
        cmocka_unit_test(test_what_is_no_such_file),
        cmocka_unit_test(test_broken_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
