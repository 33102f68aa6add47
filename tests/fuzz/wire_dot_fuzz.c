/* End of data. Whatever comes in, what comes out is canonical; pieces and room change nothing; a
 * plain second implementation agrees; and what we would send of it holds exactly one end of data,
 * for the strictest and for the most careless of receivers. */
#include <string.h>

#include "dot_reference.h"
#include "fuzz.h"
#include "wire/dot.h"

struct result {
    bool ended;
    size_t used;
    struct buf out;
};

/* Decodes `in` in two pieces, `room` octets of output at a time. */
static void decode(struct slice in, bool lf, size_t split, size_t room, struct result *r)
{
    struct dot_decoder d;
    struct buf step;
    struct slice pieces[2] = {slice_head(in, split), slice_from(in, split)};
    dot_decoder_init(&d, lf);
    buf_init(&step, room);
    *r = (struct result){.ended = false};
    buf_init(&r->out, 2 * in.len + 2);
    for (int i = 0; i < 2; i++) {
        while (pieces[i].len && !r->ended) {
            size_t used;
            r->ended = dot_decode(&d, pieces[i], &used, &step);
            CHECK((used > 0 || step.len > 0) && used <= pieces[i].len);
            CHECK(buf_append_slice(&r->out, buf_view(&step)));
            buf_consume(&step, step.len);
            pieces[i] = slice_from(pieces[i], used);
            r->used += used;
        }
    }
    CHECK(d.octets == r->out.len);
    buf_free(&step);
}

static void check_canonical(struct slice text, bool whole)
{
    for (size_t i = 0; i < text.len; i++) {
        CHECK(text.data[i] != '\n' || (i && text.data[i - 1] == '\r'));
        CHECK(text.data[i] != '\r' || (i + 1 < text.len && text.data[i + 1] == '\n'));
    }
    CHECK(!whole || text.len == 0 || text.data[text.len - 1] == '\n');
}

static void check_against_reference(struct slice in, bool lf, const struct result *r)
{
    char *out = malloc(2 * in.len + 2);
    CHECK(out);
    struct dot_reference want = dot_reference_decode(in.data, in.len, lf, out);
    CHECK(r->ended == want.ended && r->used == want.used);
    CHECK(slice_equal(buf_view(&r->out), slice_make(out, want.len)));
    free(out);
}

static bool is_newline(char c)
{
    return c == '\r' || c == '\n';
}

/* Where a receiver that takes CR, LF and CRLF for the same thing would see the end of data; NULs
 * are nothing to it. */
static size_t careless_end(struct slice stuffed)
{
    /* the two octets before, NULs left out */
    char before[2] = {'\n', '\n'};
    for (size_t i = 0; i < stuffed.len; i++) {
        if (stuffed.data[i] == 0)
            continue;
        if (is_newline(before[0]) && before[1] == '.' && is_newline(stuffed.data[i]))
            return i;
        before[0] = before[1];
        before[1] = stuffed.data[i];
    }
    return stuffed.len;
}

static bool holds_nul(struct slice s)
{
    return slice_find(s, 0) < s.len;
}

/* Canonical text goes out stuffed, in two pieces, and comes back as it was. */
static void check_encoded(struct slice text, size_t split, size_t room)
{
    struct dot_encoder e;
    struct buf step, sent;
    struct slice pieces[2] = {slice_head(text, split), slice_from(text, split)};
    dot_encoder_init(&e);
    buf_init(&step, room);
    buf_init(&sent, 2 * text.len + sizeof DOT_END);
    for (int i = 0; i < 2; i++) {
        while (pieces[i].len) {
            size_t used = dot_encode(&e, pieces[i], &step);
            CHECK(used > 0 && used <= pieces[i].len);
            CHECK(buf_append_slice(&sent, buf_view(&step)));
            buf_consume(&step, step.len);
            pieces[i] = slice_from(pieces[i], used);
        }
    }
    buf_free(&step);
    CHECK(buf_append(&sent, DOT_END, strlen(DOT_END)));
    check_canonical(buf_view(&sent), true);
    if (!holds_nul(text))
        CHECK(careless_end(buf_view(&sent)) == sent.len - 2);
    for (int lf = 0; lf < 2; lf++) {
        struct result back;
        decode(buf_view(&sent), lf, sent.len, sent.len + 8, &back);
        CHECK(back.ended && back.used == sent.len && slice_equal(buf_view(&back.out), text));
        buf_free(&back.out);
    }
    buf_free(&sent);
}

static void check_all(struct slice in, bool lf)
{
    struct result whole;
    decode(in, lf, in.len, 2 * in.len + 8, &whole);
    check_against_reference(in, lf, &whole);
    check_canonical(buf_view(&whole.out), whole.ended);
    for (size_t split = 0; split <= in.len; split++) {
        struct result parts;
        decode(in, lf, split, 8 + split % 50, &parts);
        CHECK(parts.ended == whole.ended && parts.used == whole.used);
        CHECK(slice_equal(buf_view(&parts.out), buf_view(&whole.out)));
        buf_free(&parts.out);
    }
    if (whole.ended)
        for (size_t split = 0; split <= whole.out.len; split++)
            check_encoded(buf_view(&whole.out), split, 2 + split % 50);
    buf_free(&whole.out);
}

/* What is long passes without a copy: ESC in the input stands for a text that is. */
static void check_passing(const uint8_t *data, size_t size)
{
    enum { ESC = 27, FILL = 1100, FILLS = 4 };
    static const char line[] =
        "this passes as it is, and nobody looks at it but in large pieces\r\n";
    static char in[512 + FILLS * FILL], want[2 * sizeof in];
    size_t n = 0, fills = 0;
    for (size_t i = 0; i < size; i++) {
        if (data[i] == ESC && fills < FILLS) {
            for (size_t k = 0; k < FILL; k++)
                in[n++] = line[(k + i) % (sizeof line - 1)];
            fills++;
        } else {
            in[n++] = (char)data[i];
        }
    }
    if (!fills)
        return;
    in[n++] = 'x';
    struct dot_reference expected = dot_reference_decode(in, n, false, want);
    for (size_t split = 0; split <= n; split += 1 + split / 7) {
        struct slice pieces[2] = {slice_make(in, split), slice_from(slice_make(in, n), split)};
        struct dot_decoder d;
        struct buf step;
        size_t given = 0, used = 0;
        bool ended = false;
        dot_decoder_init(&d, false);
        buf_init(&step, 2 * sizeof in);
        for (int i = 0; i < 2; i++) {
            while (pieces[i].len && !ended) {
                size_t took = dot_pass(&d, pieces[i]);
                struct slice text = slice_head(pieces[i], took);
                if (!took) {
                    ended = dot_decode(&d, pieces[i], &took, &step);
                    text = buf_view(&step);
                    CHECK(took > 0 || step.len > 0);
                }
                CHECK(given + text.len <= expected.len &&
                      (text.len == 0 || memcmp(want + given, text.data, text.len) == 0));
                given += text.len;
                used += took;
                pieces[i] = slice_from(pieces[i], took);
                buf_clear(&step);
            }
        }
        CHECK(ended == expected.ended && used == expected.used && given == expected.len &&
              d.octets == given);
        buf_free(&step);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* every split of every input is tried */
    enum { LONGEST = 256 };
    char in[LONGEST + 1];
    if (size > LONGEST)
        return 0;
    memcpy(in, data, size);
    /* nothing stays held back */
    in[size] = 'x';
    check_all(slice_make(in, size + 1), false);
    check_all(slice_make(in, size + 1), true);
    check_passing(data, size);
    return 0;
}
