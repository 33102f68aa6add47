/* PROXY v1 and v2: what is taken, what is refused, and that no octet behind the header is ever
 * asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/caps.h"
#include "wire/proxy_header.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
/* 192.0.2.1:12345 to 198.51.100.2:25 */
#define V4_BLOCK "\xc0\x00\x02\x01\xc6\x33\x64\x02\x30\x39\x00\x19"
#define LIT(text)                                                                                  \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const char *both(const struct proxy_header *h, char out[2 * ADDR_TEXT])
{
    char source[ADDR_TEXT], destination[ADDR_TEXT];
    if (!h->has_addresses)
        return "own";
    snprintf(out, 2 * ADDR_TEXT, "%s %s", addr_text_with_port(&h->source, source),
             addr_text_with_port(&h->destination, destination));
    return out;
}

static const struct good {
    struct slice header;
    const char *addresses;
} good[] = {
    {LIT("PROXY TCP4 192.0.2.1 198.51.100.2 12345 25\r\n"), "192.0.2.1:12345 198.51.100.2:25"},
    {LIT("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
     "255.255.255.255:65535 255.255.255.255:65535"},
    {LIT("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), "0.0.0.0:0 0.0.0.0:0"},
    {LIT("PROXY TCP6 2001:db8::1 ::1 1 2\r\n"), "[2001:db8::1]:1 [::1]:2"},
    {LIT("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"), "[::ffff:192.0.2.1]:1 [::1]:2"},
    {LIT("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 "
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
    {LIT("PROXY UNKNOWN\r\n"), "own"},
    {LIT("PROXY UNKNOWN ffff::1 what ever\r\n"), "own"},
    {LIT("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     "own"},
    {LIT(SIGNATURE "\x21\x11\0\x0c" V4_BLOCK), "192.0.2.1:12345 198.51.100.2:25"},
    {LIT(SIGNATURE "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0"
                   "\0\0\0\0\x01\0\x07\0\x19"),
     "[2001:db8::1]:7 [::1]:25"},
    {LIT(SIGNATURE "\x21\x21\0\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01\0\0\0\0\0\0\0\0\0\0\0"
                   "\0\0\0\0\x01\0\x07\0\x19"),
     "192.0.2.1:7 [::1]:25"},
    /* LOCAL */
    {LIT(SIGNATURE "\x20\0\0\0"), "own"},
    /* LOCAL: its addresses mean nothing */
    {LIT(SIGNATURE "\x20\x11\0\x0c" V4_BLOCK), "own"},
    /* nor does its family */
    {LIT(SIGNATURE "\x20\xff\0\x05what?"), "own"},
    /* UNSPEC */
    {LIT(SIGNATURE "\x21\0\0\0"), "own"},
    /* skipped whole */
    {LIT(SIGNATURE "\x21\0\0\x03odd"), "own"},
    /* UDP */
    {LIT(SIGNATURE "\x21\x12\0\x0c" V4_BLOCK), "own"},
    /* an addition nobody needs */
    {LIT(SIGNATURE "\x21\x11\0\x13" V4_BLOCK "\x02\0\x04host"), "192.0.2.1:12345 198.51.100.2:25"},
    {LIT(SIGNATURE "\x21\x11\0\x0f" V4_BLOCK "\x04\0\0"), "192.0.2.1:12345 198.51.100.2:25"},
};

static void takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct proxy_header h;
        char text[2 * ADDR_TEXT];
        char long_view[1024];
        struct slice header = good[i].header;
        memcpy(long_view, header.data, header.len);
        memcpy(long_view + header.len, "EHLO x\r\n", 8);
        assert_int_equal(proxy_header_parse(slice_make(long_view, header.len + 8), &h),
                         PROXY_HEADER_DONE);
        assert_int_equal(h.length, header.len);
        assert_string_equal(both(&h, text), good[i].addresses);
        /* Read as it asks to be read: to its last octet, and no further. */
        size_t had = 0;
        for (unsigned reads = 0;; reads++) {
            enum proxy_header_step step = proxy_header_parse(slice_head(header, had), &h);
            if (step == PROXY_HEADER_DONE)
                break;
            assert_int_equal(step, PROXY_HEADER_MORE);
            assert_in_range(h.need, 1, header.len - had);
            had += h.need;
            assert_true(reads < 60);
        }
        assert_int_equal(had, header.len);
        for (size_t n = 0; n < header.len; n++) {
            assert_int_equal(proxy_header_parse(slice_head(header, n), &h), PROXY_HEADER_MORE);
            assert_in_range(h.need, 1, header.len - n);
        }
    }
}

static const struct slice wrong[] = {
    LIT("EHLO x\r\n"),
    LIT("\r\nEHLO x\r\n"),
    LIT("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
    LIT("\x16\x03\x01"),
    LIT("PROXYTCP4"),
    LIT("PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
    LIT("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n"),
    LIT("PROXY TCP4 192.0.2.1 192.0.2.2 1  2\r\n"),
    LIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"),
    LIT("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"),
    LIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"),
    LIT("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"),
    LIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 00\r\n"),
    LIT("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"),
    LIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 100000\r\n"),
    LIT("PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n"),
    LIT("PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n"),
    LIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rX"),
    LIT("PROXY TCP4 192.0.2.01 192.0.2.2 1 2\r\n"),
    LIT("PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n"),
    LIT("PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n"),
    LIT("PROXY TCP4 ::1 ::1 1 2\r\n"),
    LIT("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"),
    LIT("PROXY TCP6 [::1] ::1 1 2\r\n"),
    LIT("PROXY TCP6 ::1%2 ::1 1 2\r\n"),
    LIT("PROXY TCP6 ::1 ::1%lo 1 2\r\n"),
    LIT("PROXY TCP5 ::1 ::1 1 2\r\n"),
    LIT("PROXY UNKNOWNS\r\n"),
    LIT("PROXY \r\n"),
    LIT("PROXY TCP4\r\n"),
    LIT("PROXY TCP4 192.0.2.1 192.0.2.2 1\t2\r\n"),
    LIT("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"),
    /* 108 octets */
    LIT("PROXY UNKNOWN "
        "890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
        "890123456\r\n"),
    LIT("PROXY UNKNOWN "
        "890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
        "8901234567890123"),
    LIT("\r\n\r\n\0\r\nQUIT\r"),
    LIT(SIGNATURE "\x11\x11\0\x0c" V4_BLOCK),
    LIT(SIGNATURE "\x31\x11\0\x0c" V4_BLOCK),
    LIT(SIGNATURE "\x22\x11\0\x0c" V4_BLOCK),
    LIT(SIGNATURE "\x2f\0\0\0"),
    LIT(SIGNATURE "\x21\x41\0\x0c" V4_BLOCK),
    LIT(SIGNATURE "\x21\x13\0\x0c" V4_BLOCK),
    LIT(SIGNATURE "\x21\x11\0\x0b" V4_BLOCK),
    LIT(SIGNATURE "\x21\x21\0\x0c" V4_BLOCK),
    LIT(SIGNATURE "\x21\x31\0\x0c" V4_BLOCK),
    LIT(SIGNATURE "\x21\x11\x0f\xf1"),
    /* more than we keep */
    LIT(SIGNATURE "\x20\0\xff\xff"),
    LIT(SIGNATURE "\x21\x11\0\x0e" V4_BLOCK "\x04\0"),
    /* additions cut off */
    LIT(SIGNATURE "\x21\x11\0\x12" V4_BLOCK "\x04\0\x04"
                  "abc"),
    LIT(SIGNATURE "\x21\x11\0\x13" V4_BLOCK "\x03\0\x04\0\0\0\0"),
    LIT(SIGNATURE "\x21\x11\0\x12" V4_BLOCK "\x03\0\x03"
                  "abc"),
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct proxy_header h;
        enum proxy_header_step step = proxy_header_parse(wrong[i], &h);
        if (step != PROXY_HEADER_BAD)
            fail_msg("wrong header %zu gives %d", i, (int)step);
        assert_non_null(h.why);
        assert_false(h.has_addresses);
    }
}

/* The sum was computed by another, table-driven program that gives e3069283 for "123456789". */
static void checksum(void **state)
{
    char header[] = SIGNATURE "\x21\x11\0\x13" V4_BLOCK "\x03\0\x04"
                              "\0\0\0\0";
    const size_t length = sizeof header - 1, at = length - 4;
    struct proxy_header h;
    (void)state;
    memcpy(header + at, "\x97\x8b\x0b\x4c", 4);
    assert_int_equal(proxy_header_parse(slice_make(header, length), &h), PROXY_HEADER_DONE);
    assert_true(h.has_addresses);
    /* any octet that changes is noticed, here or before */
    for (size_t i = 16; i < length; i++) {
        header[i] ^= 1;
        enum proxy_header_step step = proxy_header_parse(slice_make(header, length), &h);
        /* the kind of the addition itself: then it is no checksum any more */
        if (i != 28)
            assert_int_equal(step, PROXY_HEADER_BAD);
        header[i] ^= 1;
    }
}

static void the_cap(void **state)
{
    static char header[CAP_PROXY_HEADER + 1] = SIGNATURE "\x21\x11";
    struct proxy_header h;
    (void)state;
    size_t rest = CAP_PROXY_HEADER - 16, addition = rest - 12 - 3;
    header[14] = (char)(rest >> 8), header[15] = (char)rest;
    header[28] = 4, header[29] = (char)(addition >> 8), header[30] = (char)addition;
    assert_int_equal(proxy_header_parse(slice_make(header, 16), &h), PROXY_HEADER_MORE);
    assert_int_equal(h.need, rest);
    assert_int_equal(proxy_header_parse(slice_make(header, CAP_PROXY_HEADER), &h),
                     PROXY_HEADER_DONE);
    header[15]++;
    assert_int_equal(proxy_header_parse(slice_make(header, 16), &h), PROXY_HEADER_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(takes), cmocka_unit_test(refuses),
                                       cmocka_unit_test(checksum), cmocka_unit_test(the_cap)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
