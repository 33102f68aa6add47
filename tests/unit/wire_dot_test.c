/* End of data, dots, bare newlines: the rule of PROMISES 6 by example, and every short input
 * against a plain second implementation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/caps.h"
#include "fuzz/dot_reference.h"
#include "wire/dot.h"

#define LIT(text)                                                                                  \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

enum { NOT_ENDED = 0, ENDED = 1, STRICT = 0, LF = 1 };

static const struct row {
    const char *what;
    int lf, ended;
    /* left: what was not taken */
    struct slice in, out, left;
} rows[] = {
    {"a message", STRICT, ENDED, LIT("a\r\nb\r\n.\r\nQUIT\r\n"), LIT("a\r\nb\r\n"),
     LIT("QUIT\r\n")},
    {"empty", STRICT, ENDED, LIT(".\r\n"), LIT(""), LIT("")},
    {"one empty line", STRICT, ENDED, LIT("\r\n.\r\n"), LIT("\r\n"), LIT("")},
    {"dots are removed", STRICT, ENDED, LIT("..a\r\n...\r\n.b\r\n.\r\n"), LIT(".a\r\n..\r\nb\r\n"),
     LIT("")},
    {"dots inside lines stay", STRICT, ENDED, LIT("a..\r\n b.\r\n.\r\n"), LIT("a..\r\n b.\r\n"),
     LIT("")},
    {"NUL and 8 bit pass", STRICT, ENDED, LIT("\0\xff\r\n.\r\n"), LIT("\0\xff\r\n"), LIT("")},
    {"bare LF is repaired", STRICT, ENDED, LIT("a\nb\r\n.\r\n"), LIT("a\r\nb\r\n"), LIT("")},
    {"bare CR is repaired", STRICT, ENDED, LIT("a\rb\r\n.\r\n"), LIT("a\r\nb\r\n"), LIT("")},
    {"CR CR LF is one line end", STRICT, ENDED, LIT("a\r\r\nb\r\n.\r\n"), LIT("a\r\nb\r\n"),
     LIT("")},
    {"a run of CRs before LF is one line end", STRICT, ENDED, LIT("a\r\r\r\r\nb\r\n.\r\n"),
     LIT("a\r\nb\r\n"), LIT("")},
    {"a run of CRs without LF is many", STRICT, ENDED, LIT("a\r\r\rb\r\n.\r\n"),
     LIT("a\r\n\r\n\r\nb\r\n"), LIT("")},
    {"CR CR LF before the dot ends", STRICT, ENDED, LIT("a\r\r\n.\r\nx"), LIT("a\r\n"), LIT("x")},
    {"dots are removed after CR CR LF", STRICT, ENDED, LIT("a\r\r\n..b\r\n.\r\n"),
     LIT("a\r\n.b\r\n"), LIT("")},
    {"a line of one dot that ends in CR CR LF", STRICT, ENDED, LIT("a\r\r\n.\r\r\nb\r\r\n.\r\nx"),
     LIT("a\r\n\r\nb\r\n"), LIT("x")},
    {"starts with .CRCRLF", STRICT, NOT_ENDED, LIT(".\r\r\nb"), LIT("\r\nb"), LIT("")},
    {"CR CR LF CR LF is an empty line", STRICT, ENDED, LIT("a\r\r\n\r\r\nb\r\n.\r\n"),
     LIT("a\r\n\r\nb\r\n"), LIT("")},
    {"LF CR", STRICT, ENDED, LIT("a\n\rb\r\n.\r\n"), LIT("a\r\n\r\nb\r\n"), LIT("")},
    /* What scanners for SMTP smuggling send. */
    {"LF.LF", STRICT, NOT_ENDED, LIT("a\n.\nb"), LIT("a\r\n.\r\nb"), LIT("")},
    {"LF.CR", STRICT, NOT_ENDED, LIT("a\n.\rb"), LIT("a\r\n.\r\nb"), LIT("")},
    {"CR.LF", STRICT, NOT_ENDED, LIT("a\r.\nb"), LIT("a\r\n.\r\nb"), LIT("")},
    {"CR.CR", STRICT, NOT_ENDED, LIT("a\r.\rb"), LIT("a\r\n.\r\nb"), LIT("")},
    {"LF.CRLF", STRICT, NOT_ENDED, LIT("a\n.\r\nb"), LIT("a\r\n.\r\nb"), LIT("")},
    {"CR.CRLF", STRICT, NOT_ENDED, LIT("a\r.\r\nb"), LIT("a\r\n.\r\nb"), LIT("")},
    {"CRLF.LF", STRICT, NOT_ENDED, LIT("a\r\n.\nb"), LIT("a\r\n\r\nb"), LIT("")},
    {"CRLF.CR", STRICT, NOT_ENDED, LIT("a\r\n.\rb"), LIT("a\r\n\r\nb"), LIT("")},
    {"CRLF.CRCRLF", STRICT, NOT_ENDED, LIT("a\r\n.\r\r\nb"), LIT("a\r\n\r\nb"), LIT("")},
    {"CRCRLF.CRCRLF", STRICT, NOT_ENDED, LIT("a\r\r\n.\r\r\nb"), LIT("a\r\n\r\nb"), LIT("")},
    {"CRLF NUL.CRLF", STRICT, NOT_ENDED, LIT("a\r\n\0.\r\nb"), LIT("a\r\n\0.\r\nb"), LIT("")},
    {"CRLF.NUL CRLF", STRICT, NOT_ENDED, LIT("a\r\n.\0\r\nb"), LIT("a\r\n\0\r\nb"), LIT("")},
    {"CRLF..CRLF", STRICT, NOT_ENDED, LIT("a\r\n..\r\nb"), LIT("a\r\n.\r\nb"), LIT("")},
    {"starts with .LF", STRICT, NOT_ENDED, LIT(".\nb"), LIT("\r\nb"), LIT("")},
    {"ends after CRLF.CRLF only", STRICT, ENDED, LIT("a\n.\nMAIL FROM:<b>\n.\r\n\r\n.\r\nc"),
     LIT("a\r\n.\r\nMAIL FROM:<b>\r\n.\r\n\r\n"), LIT("c")},
    /* Software that never sends CR. */
    {"lf: LF.LF", LF, ENDED, LIT("a\nb\n.\nQUIT\n"), LIT("a\r\nb\r\n"), LIT("QUIT\n")},
    {"lf: empty", LF, ENDED, LIT(".\nQUIT\n"), LIT(""), LIT("QUIT\n")},
    {"lf: empty, with CRLF", LF, ENDED, LIT(".\r\nQUIT\n"), LIT(""), LIT("QUIT\n")},
    {"lf: empty line first", LF, ENDED, LIT("\n.\nx"), LIT("\r\n"), LIT("x")},
    {"lf: dots are removed", LF, ENDED, LIT("a\n..b\n.\n"), LIT("a\r\n.b\r\n"), LIT("")},
    {"lf: CRLF.CRLF ends too", LF, ENDED, LIT("a\nb\r\n.\r\nx"), LIT("a\r\nb\r\n"), LIT("x")},
    {"lf: CRLF.LF holds LF.LF", LF, ENDED, LIT("a\nb\r\n.\nx"), LIT("a\r\nb\r\n"), LIT("x")},
    {"lf: LF.CRLF does not end", LF, NOT_ENDED, LIT("a\n.\r\nx"), LIT("a\r\n\r\nx"), LIT("")},
    {"lf: LF.CR does not end", LF, NOT_ENDED, LIT("a\n.\rx"), LIT("a\r\n\r\nx"), LIT("")},
    {"lf: a CR in the first line decides nothing", LF, ENDED, LIT("a\rb\nc\n.\nx"),
     LIT("a\r\nb\r\nc\r\n"), LIT("x")},
    {"lf: first line in CRLF: strict", LF, NOT_ENDED, LIT("a\r\nb\n.\nc"), LIT("a\r\nb\r\n.\r\nc"),
     LIT("")},
    {"lf: first line in CRCRLF: strict", LF, NOT_ENDED, LIT("a\r\r\nb\n.\nc"),
     LIT("a\r\nb\r\n.\r\nc"), LIT("")},
    {"lf: CRCRLF.LF holds LF.LF", LF, ENDED, LIT("a\nb\r\r\n.\nx"), LIT("a\r\nb\r\n"), LIT("x")},
    {"lf: first line in CRLF, ends", LF, ENDED, LIT("a\r\nb\n.\nc\r\n.\r\nx"),
     LIT("a\r\nb\r\n.\r\nc\r\n"), LIT("x")},
};

/* Decodes in pieces: first `split` octets, then the rest; `room` octets of output at a time. */
struct result {
    bool ended;
    size_t used;
    char out[256];
    size_t len;
    uint64_t octets;
};

static void decode(struct slice in, bool lf, size_t split, size_t room, struct result *r)
{
    struct dot_decoder d;
    struct buf out;
    struct slice pieces[2] = {slice_head(in, split), slice_from(in, split)};
    dot_decoder_init(&d, lf);
    buf_init(&out, room);
    *r = (struct result){0};
    for (int i = 0; i < 2 && !r->ended; i++) {
        while (pieces[i].len && !r->ended) {
            size_t used;
            r->ended = dot_decode(&d, pieces[i], &used, &out);
            assert_true((used > 0 || out.len > 0) && used <= pieces[i].len);
            pieces[i] = slice_from(pieces[i], used);
            r->used += used;
            assert_true(out.len <= sizeof r->out - r->len);
            if (out.len)
                memcpy(r->out + r->len, buf_view(&out).data, out.len);
            r->len += out.len;
            buf_consume(&out, out.len);
        }
    }
    r->octets = d.octets;
    buf_free(&out);
}

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        for (size_t split = 0; split <= row->in.len; split++) {
            struct result r;
            decode(row->in, row->lf, split, split % 2 ? 8 : 64, &r);
            if (r.ended != row->ended || !slice_equal(slice_make(r.out, r.len), row->out) ||
                r.used != row->in.len - row->left.len)
                fail_msg("%s, split at %zu: ended %d, took %zu, gave %zu octets: %.*s", row->what,
                         split, r.ended, r.used, r.len, (int)r.len, r.out);
            assert_int_equal(r.octets, r.len);
        }
    }
}

static void check_against_reference(struct slice in, bool lf, size_t split, size_t room)
{
    struct result r;
    char out[64];
    struct dot_reference want = dot_reference_decode(in.data, in.len, lf, out);
    decode(in, lf, split, room, &r);
    if (r.ended != want.ended || r.used != want.used || r.len != want.len ||
        memcmp(r.out, out, want.len) != 0) {
        print_error("input:");
        for (size_t i = 0; i < in.len; i++)
            print_error(" %02x", (unsigned char)in.data[i]);
        fail_msg("lf %d, split %zu: ended %d not %d, took %zu not %zu, gave %zu not %zu", lf, split,
                 r.ended, want.ended, r.used, want.used, r.len, want.len);
    }
}

/* Every string over these letters, each followed by an "x" so that nothing stays held back. */
static void test_every_short_input(void **state)
{
    static const char letters[] = {'\r', '\n', '.', 'a', '\0'};
    enum { LETTERS = sizeof letters, LONGEST = 7 };
    (void)state;
    for (size_t len = 0, count = 1; len <= LONGEST; len++, count *= LETTERS) {
        for (size_t number = 0; number < count; number++) {
            char in[LONGEST + 1];
            size_t rest = number;
            for (size_t i = 0; i < len; i++, rest /= LETTERS)
                in[i] = letters[rest % LETTERS];
            in[len] = 'x';
            for (int lf = 0; lf < 2; lf++) {
                check_against_reference(slice_make(in, len + 1), lf, len + 1, 64);
                check_against_reference(slice_make(in, len + 1), lf, number % (len + 1), 8);
            }
        }
    }
}

/* Encodes in two pieces with little room at a time. */
static size_t encode(struct slice in, size_t split, size_t room, char *to)
{
    struct dot_encoder e;
    struct buf out;
    struct slice pieces[2] = {slice_head(in, split), slice_from(in, split)};
    size_t len = 0;
    dot_encoder_init(&e);
    buf_init(&out, room);
    for (int i = 0; i < 2; i++) {
        while (pieces[i].len) {
            size_t used = dot_encode(&e, pieces[i], &out);
            assert_true(used > 0 && used <= pieces[i].len);
            pieces[i] = slice_from(pieces[i], used);
            memcpy(to + len, buf_view(&out).data, out.len);
            len += out.len;
            buf_consume(&out, out.len);
        }
    }
    return len;
}

static void test_encoder(void **state)
{
    static const struct {
        struct slice in, out;
    } table[] = {
        {LIT(""), LIT("")},
        {LIT("a\r\n"), LIT("a\r\n")},
        {LIT(".\r\n"), LIT("..\r\n")},
        {LIT("a\r\n.\r\nb\r\n"), LIT("a\r\n..\r\nb\r\n")},
        {LIT("..a.\r\n.b\r\n"), LIT("...a.\r\n..b\r\n")},
        {LIT("\r\n\r\n.\0\r\n"), LIT("\r\n\r\n..\0\r\n")},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        for (size_t split = 0; split <= table[i].in.len; split++) {
            for (size_t room = 2; room < 20; room++) {
                char out[64];
                size_t len = encode(table[i].in, split, room, out);
                assert_int_equal(len, table[i].out.len);
                assert_memory_equal(out, table[i].out.data, len);
            }
        }
    }
}

static void test_no_room(void **state)
{
    struct dot_decoder d;
    struct dot_encoder e;
    struct buf out;
    size_t used = 9;
    (void)state;
    buf_init(&out, 1);
    dot_decoder_init(&d, false);
    assert_false(dot_decode(&d, slice_of("abc"), &used, &out));
    assert_int_equal(used, 0);
    dot_encoder_init(&e);
    assert_int_equal(dot_encode(&e, slice_of(".a"), &out), 0);
    assert_int_equal(dot_encode(&e, slice_of("ab"), &out), 1);
    assert_int_equal(dot_encode(&e, slice_of("b"), &out), 0);
    buf_free(&out);
}

static void test_nothing_is_taken_after_the_end(void **state)
{
    struct dot_decoder d;
    struct buf out;
    size_t used;
    (void)state;
    buf_init(&out, 64);
    dot_decoder_init(&d, false);
    assert_true(dot_decode(&d, slice_of(".\r\nabc"), &used, &out));
    assert_int_equal(used, 3);
    assert_true(dot_decode(&d, slice_of("abc"), &used, &out));
    assert_int_equal(used, 0);
    assert_int_equal(out.len, 0);
}

/* A large body with lines of all lengths, in pieces of all sizes: what goes in stuffed comes out as
 * it was. */
static void test_large_body(void **state)
{
    enum { SIZE = 200000 };
    struct buf plain, stuffed, back;
    (void)state;
    buf_init(&plain, SIZE);
    buf_init(&stuffed, 2 * SIZE);
    buf_init(&back, SIZE);
    for (unsigned i = 0; buf_room(&plain) > 3000; i++) {
        for (unsigned j = 0; j < i * 37 % 2500; j++)
            assert_true(buf_append(&plain, i % 7 == j ? "." : &"abcdefg"[j % 7], 1));
        assert_true(buf_append(&plain, "\r\n", 2));
    }
    struct dot_encoder e;
    dot_encoder_init(&e);
    assert_int_equal(dot_encode(&e, buf_view(&plain), &stuffed), plain.len);
    assert_true(stuffed.len > plain.len);
    assert_true(buf_append(&stuffed, DOT_END, strlen(DOT_END)));
    struct dot_decoder d;
    dot_decoder_init(&d, true);
    bool ended = false;
    struct slice in = buf_view(&stuffed);
    for (size_t piece = 1; in.len; piece = piece * 3 % 4099) {
        size_t used;
        assert_false(ended);
        ended = dot_decode(&d, slice_head(in, piece), &used, &back);
        in = slice_from(in, used);
    }
    assert_true(ended);
    assert_int_equal(d.octets, plain.len);
    assert_true(slice_equal(buf_view(&back), buf_view(&plain)));
    buf_free(&plain);
    buf_free(&stuffed);
    buf_free(&back);
}

/* As the server does it: what passes as it is, then what must be decoded. */
static struct dot_reference pass_and_decode(struct slice in, size_t piece, size_t room,
                                            struct buf *whole, size_t *passed_r)
{
    struct dot_decoder d;
    struct buf out;
    struct dot_reference r = {0};
    dot_decoder_init(&d, false);
    buf_init(&out, room);
    *passed_r = 0;
    for (size_t from = 0; from < in.len && !r.ended; from += piece) {
        struct slice rest = slice_head(slice_from(in, from), piece);
        while (rest.len && !r.ended) {
            size_t used = dot_pass(&d, rest);
            *passed_r += used;
            if (used) {
                assert_true(buf_append(whole, rest.data, used));
            } else {
                r.ended = dot_decode(&d, rest, &used, &out);
                assert_true(used > 0 || out.len > 0);
                assert_true(buf_append_slice(whole, buf_view(&out)));
                buf_clear(&out);
            }
            rest = slice_from(rest, used);
            r.used += used;
        }
    }
    r.len = (size_t)d.octets;
    buf_free(&out);
    return r;
}

/* Something odd at each place of a long text, around the borders of what is looked at together
 * too. */
static void test_long_text_passes_without_a_copy(void **state)
{
    static const struct slice odd[] = {LIT(""),
                                       LIT("\r"),
                                       LIT("\n"),
                                       LIT("\r\n"),
                                       LIT("\r\n.x"),
                                       LIT("\r\n..x"),
                                       LIT("\n.x"),
                                       LIT("\r\r\n"),
                                       LIT("\n\r"),
                                       LIT("\r\n\r\n"),
                                       LIT("\0"),
                                       LIT("."),
                                       LIT(".\r\n"),
                                       LIT("\r\n.\r\n"),
                                       LIT("\r\n..\r\n"),
                                       LIT("\r\n.\r\r\n"),
                                       LIT("\r."),
                                       LIT("\n.\n"),
                                       LIT("\r\r\n.x"),
                                       LIT("\r\r\r\n"),
                                       LIT("\r\r\n.\r\n"),
                                       LIT("\r\r\r"),
                                       LIT("\r\r\n.\r\r\n")};
    enum { LENGTH = 3000, STEP = 78 };
    static char text[LENGTH + 16], want[2 * LENGTH];
    size_t most = 0;
    (void)state;
    for (size_t k = 0; k < sizeof odd / sizeof odd[0]; k++) {
        for (size_t at = 0; at < 1400; at++) {
            size_t n = 0, passed;
            for (size_t i = 0; i < LENGTH; i++)
                text[i] = i % STEP == STEP - 2 ? '\r' : i % STEP == STEP - 1 ? '\n' : 'a';
            memcpy(text + at, odd[k].data, odd[k].len);
            n = LENGTH;
            memcpy(text + n, "x\r\n.\r\n", 6);
            struct slice in = slice_make(text, n + 6);
            struct dot_reference expected = dot_reference_decode(in.data, in.len, false, want);
            struct buf got;
            buf_init(&got, sizeof want);
            struct dot_reference r = pass_and_decode(in, at % 3 ? LENGTH + 6 : 1 + at * 7 % 2500,
                                                     at % 2 ? 16384 : 300, &got, &passed);
            if (r.ended != expected.ended || r.used != expected.used ||
                !slice_equal(buf_view(&got), slice_make(want, expected.len)))
                fail_msg("oddity %zu at %zu: took %zu not %zu, gave %zu not %zu", k, at, r.used,
                         expected.used, got.len, expected.len);
            assert_int_equal(r.len, got.len);
            most = passed > most ? passed : most;
            buf_free(&got);
        }
    }
    assert_true(most >= LENGTH);
}

static size_t decode_run(size_t crs, const char *after, struct buf *out)
{
    struct dot_decoder d;
    struct buf in, step;
    buf_init(&in, crs + 16);
    buf_init(&step, 300);
    for (size_t i = 0; i < crs; i++)
        assert_true(buf_append(&in, "\r", 1));
    assert_true(buf_append_slice(&in, slice_of(after)));
    dot_decoder_init(&d, false);
    for (struct slice rest = buf_view(&in); rest.len;) {
        size_t used;
        (void)dot_decode(&d, rest, &used, &step);
        assert_true(used > 0 || step.len > 0);
        assert_true(buf_append_slice(out, buf_view(&step)));
        buf_clear(&step);
        rest = slice_from(rest, used);
    }
    buf_free(&in);
    buf_free(&step);
    return out->len;
}

/* A run of CRs is one line end before LF, however long it is. Without LF it is repaired, and what a
 * single octet can make the decoder give out is bounded. */
static void test_long_runs_of_cr(void **state)
{
    static const size_t runs[] = {1, 2, 1000, CAP_CR_RUN, CAP_CR_RUN + 1, 5 * CAP_CR_RUN};
    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        struct buf out;
        size_t kept = runs[i] < CAP_CR_RUN ? runs[i] : CAP_CR_RUN;
        buf_init(&out, 2 * CAP_CR_RUN + 64);
        assert_int_equal(decode_run(runs[i], "\nx", &out), 3);
        buf_clear(&out);
        assert_int_equal(decode_run(runs[i], "x", &out), 2 * kept + 1);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_runs_of_cr),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_every_short_input),
        cmocka_unit_test(test_encoder),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_nothing_is_taken_after_the_end),
        cmocka_unit_test(test_large_body),
        cmocka_unit_test(test_long_text_passes_without_a_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
