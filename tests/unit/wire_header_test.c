/* The header-section scanner: hops counted whatever the cuts, the section's end found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/header.h"

static struct header_scan scan(const char *text, size_t piece)
{
    struct header_scan h;
    header_scan_init(&h);
    struct slice in = slice_of(text);
    for (size_t at = 0; at < in.len; at += piece)
        header_scan(&h, slice_head(slice_from(in, at), piece));
    return h;
}

static void expect(const char *text, unsigned received, bool over)
{
    for (size_t piece = 1; piece <= strlen(text); piece++) {
        struct header_scan h = scan(text, piece);
        assert_int_equal(h.received, received);
        assert_int_equal(header_scan_is_over(&h), over);
    }
}

static void counts_hops(void **state)
{
    (void)state;
    expect("Received: from a\r\n\tby b\r\nReceived: x\r\nSubject: Received: y\r\n\r\nReceived: in "
           "the body\r\n",
           2, true);
    expect("RECEIVED:x\r\nrEcEiVeD :y\r\nReceived\t : z\r\n\r\n", 3, true);
    expect("Receive: x\r\nReceivedx: y\r\nX-Received: z\r\n Received: folded\r\n\r\n", 0, true);
    expect("Received-SPF-that-is-long: x\r\nReceived: 1\r\n", 1, false);
}

static void finds_the_end(void **state)
{
    (void)state;
    expect("Subject: x\r\n", 0, false);
    expect("\r\nReceived: body\r\n", 0, true);
    expect("Hello there\r\nReceived: body\r\n", 0, true);
    expect("Hello\r\nReceived: body\r\n", 0, true);
    expect(" folded first\r\nReceived: body\r\n", 0, true);
    expect("Subject: x\r\nno field here\r\nReceived: body\r\n", 0, true);
    expect("Received: 1\r\n\x80y: z\r\nReceived: body\r\n", 1, true);
    expect(": x\r\nReceived: body\r\n", 0, true);
}

static void passes_over_mbox_lines(void **state)
{
    (void)state;
    expect("From me@example.com Thu Jan  1 00:00:00 2026\r\nReceived: 1\r\n\r\n", 1, true);
    expect(">From me@example.com Thu Jan  1 00:00:00 2026\r\nReceived: 1\r\n\r\n", 1, true);
    expect(">>From me\r\nReceived: body\r\n", 0, true);
    expect("From: me\r\nReceived: 1\r\n", 1, false);
    expect("Subject: x\r\nFrom me\r\nReceived: body\r\n", 0, true);
    expect("From \r\nReceived: body\r\n", 0, true);
    expect("From me\r\n indented: x\r\nReceived: body\r\n", 0, true);
    /* the old syntax of a field */
    expect("From : me\r\nReceived: 1\r\n", 1, false);
    expect("From : me\r\n folded\r\nReceived: 1\r\n", 1, false);
}

static void tells_mbox_lines_from_sentences(void **state)
{
    (void)state;
    static const char *const lines[] = {"From me@example.com Thu Jan  1 00:00:00 2026",
                                        "From - Tue Dec 31 9:05 2026\r\n",
                                        "From MAILER-DAEMON Fri Jul  8 12:08:34 2011 +0200\r\n",
                                        "From a Jan 1 12:00", ">From a Jan 1 12:00"};
    static const char *const sentences[] = {"From now on",
                                            "From Jan",
                                            "From 12:30",
                                            "From Jan at 12:3",
                                            "from a Jan 1 12:00",
                                            "From",
                                            "From a jan 1 12:00",
                                            "From : Jan",
                                            "",
                                            "From Jan to 123:456",
                                            "From Jan 1:2",
                                            "From: Jan 12:00",
                                            "From Jan, 12:00,",
                                            ">>From a Jan 1 12:00",
                                            "From Janus 12:00"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_true(header_is_mbox_line(slice_of(lines[i])));
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++)
        assert_false(header_is_mbox_line(slice_of(sentences[i])));
}

static void looks_at_nothing_after_the_end(void **state)
{
    (void)state;
    struct header_scan h = scan("Received: 1\r\n\r\n", 4);
    header_scan(&h, slice_of("Received: 2\r\nReceived: 3\r\n"));
    assert_int_equal(h.received, 1);
    header_scan(&h, slice_make(NULL, 0));
    assert_true(header_scan_is_over(&h));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_hops),
        cmocka_unit_test(finds_the_end),
        cmocka_unit_test(passes_over_mbox_lines),
        cmocka_unit_test(tells_mbox_lines_from_sentences),
        cmocka_unit_test(looks_at_nothing_after_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
