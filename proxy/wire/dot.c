#include "wire/dot.h"

#include <string.h>

#include "base/attr.h"
#include "base/caps.h"

/* Where the decoder stands. Line ends that were repaired do not begin a line in the sense of RFC
 * 5321: a dot behind them is text. */
enum {
    /* at the start of the data or after CRLF: a dot counts */
    AT_START,
    /* in LF mode, after a bare LF: a dot counts */
    AT_LF_START,
    IN_TEXT,
    /* `crs` CRs are held back: do they end in a LF? */
    AFTER_CR,
    /* a dot after AT_START is held back */
    AFTER_DOT,
    /* a dot after AT_LF_START is held back */
    AFTER_LF_DOT,
    /* ".CR" after AT_START is held back */
    AFTER_DOT_CR,
    AT_END
};

enum { MODE_UNDECIDED, MODE_LF, MODE_CRLF };

/* A step gives out one line end at most. A call may give out more, and leaves up to 3 octets of
 * room. */
enum { STEP_ROOM = 4 };

enum {
    /* octets that are looked at together: a fixed number, so that compilers use vectors */
    BLOCK = 512,
    /* octets that are better passed where they lie than copied */
    LONG = 1024,
};

/* The input of one call with the place of its next CR, which is looked for once and not again at
 * every line end: input made of line ends alone costs no more than any other. */
struct scan {
    struct slice in;
    /* valid while not behind the place looked at; in.len: none is left */
    size_t cr;
};

void dot_decoder_init(struct dot_decoder *d, bool lf_allowed)
{
    *d = (struct dot_decoder){.lf_allowed = lf_allowed,
                              .state = AT_START,
                              .mode = lf_allowed ? MODE_UNDECIDED : MODE_CRLF};
}

/* The caller has seen to it that `n` fits. */
static void emit(struct dot_decoder *d, struct buf *out, const char *data, size_t n)
{
    if (buf_append(out, data, n))
        d->octets += n;
}

static void take_crlf(struct dot_decoder *d, struct buf *out)
{
    emit(d, out, "\r\n", 2);
    if (d->mode == MODE_UNDECIDED)
        d->mode = MODE_CRLF;
    d->state = AT_START;
}

static void take_bare_lf(struct dot_decoder *d, struct buf *out)
{
    emit(d, out, "\r\n", 2);
    if (d->mode == MODE_UNDECIDED)
        d->mode = MODE_LF;
    d->state = d->mode == MODE_LF ? AT_LF_START : IN_TEXT;
}

static void hold_cr(struct dot_decoder *d, unsigned crs)
{
    d->crs = crs;
    d->state = AFTER_CR;
}

static size_t next_cr(struct scan *s, size_t at)
{
    if (s->cr < at)
        s->cr = at + slice_find(slice_from(s->in, at), '\r');
    return s->cr;
}

/* Neither a bare CR, a bare LF nor a dot after LF among BLOCK octets, the one behind them known
 * too. */
static bool is_plain(const char *at)
{
    unsigned char odd = 0;
    for (size_t i = 0; i < BLOCK; i++) {
        bool cr = at[i] == '\r', lf = at[i] == '\n', lf_next = at[i + 1] == '\n',
             dot_next = at[i + 1] == '.';
        odd |= (unsigned char)((cr ^ lf_next) | (lf & dot_next));
    }
    return !odd;
}

/* Leaps over whole blocks of plain text; never to between a CR and its LF. */
WIDE_VECTORS static size_t leap(const char *data, size_t at, size_t limit)
{
    size_t from = at;
    if (data[at] == '\n')
        return at;
    while (limit - at > BLOCK && is_plain(data + at))
        at += BLOCK;
    return at > from && data[at - 1] == '\r' ? at - 1 : at;
}

/* Where the octets from `at`, of which there are some, that pass as they are end, `limit` at most:
 * whole lines with their CRLF, up to a bare CR or LF, a dot that begins a line, or a CR whose
 * successor is not there. */
static size_t run_end(struct scan *s, size_t at, size_t limit, bool at_start)
{
    const char *data = s->in.data;
    if (at_start && data[at] == '.')
        return at;
    size_t landed = leap(data, at, limit);
    at_start = landed > at ? data[landed - 1] == '\n' : at_start;
    at = landed;
    for (;;) {
        if (at_start && at < limit && data[at] == '.')
            return at;
        size_t stop = next_cr(s, at);
        if (stop > limit)
            stop = limit;
        const char *lf = memchr(data + at, '\n', stop - at);
        if (lf)
            return (size_t)(lf - data);
        if (limit - stop < 2 || data[stop + 1] != '\n')
            return stop;
        at = stop + 2;
        at_start = true;
    }
}

static bool is_stuffed_dot(struct slice s)
{
    return s.len > 1 && s.data[0] == '.' && s.data[1] != '\r' && s.data[1] != '\n';
}

static void text_passed(struct dot_decoder *d, const char *run, size_t n)
{
    d->octets += n;
    d->state = run[n - 1] == '\n' ? AT_START : IN_TEXT;
}

/* At a line's start or inside of it. Returns where it stopped: beyond `at`, or there if dot_pass
 * shall take what follows. */
static size_t take_text(struct dot_decoder *d, struct scan *s, size_t at, struct buf *out)
{
    size_t room = buf_room(out);
    size_t limit = s->in.len - at < room ? s->in.len : at + room;
    bool may_stop = at > 0 && d->mode == MODE_CRLF && limit - at > LONG;
    /* to see whether it is long is enough */
    if (may_stop)
        limit = at + LONG + 1;
    size_t end = run_end(s, at, limit, d->state != IN_TEXT);
    const char *data = s->in.data;
    if (may_stop && end - at >= LONG)
        return at;
    if (end > at) {
        if (d->mode == MODE_UNDECIDED && memchr(data + at, '\n', end - at))
            d->mode = MODE_CRLF;
        if (buf_append(out, data + at, end - at))
            text_passed(d, data + at, end - at);
        return end;
    }
    if (data[at] == '\n')
        take_bare_lf(d, out);
    else if (data[at] == '\r')
        hold_cr(d, 1);
    else
        d->state = d->state == AT_START ? AFTER_DOT : AFTER_LF_DOT;
    return at + 1;
}

/* What was held back meets its next octet `c`. Returns whether `c` is used up by that. */
static bool take_held(struct dot_decoder *d, char c, struct buf *out)
{
    switch (d->state) {
    case AFTER_CR:
        if (c == '\n') {
            take_crlf(d, out);
        } else if (c == '\r') {
            d->crs += d->crs < CAP_CR_RUN;
        } else {
            /* One at a time: each needs room of its own, and `c` waits for the last. */
            emit(d, out, "\r\n", 2);
            if (--d->crs == 0)
                d->state = IN_TEXT;
            return false;
        }
        return true;
    case AFTER_DOT:
        if (c == '\r') {
            d->state = AFTER_DOT_CR;
        } else if (c == '\n' && d->mode != MODE_CRLF) {
            d->state = AT_END;
        } else {
            d->state = IN_TEXT;
            return false;
        }
        return true;
    case AFTER_LF_DOT: d->state = c == '\n' ? AT_END : IN_TEXT; return c == '\n';
    /* AFTER_DOT_CR */
    default:
        if (c == '\n')
            d->state = AT_END;
        else
            hold_cr(d, 1);
        return c == '\n';
    }
}

static size_t decode_window(struct dot_decoder *d, struct slice in, struct buf *out)
{
    struct scan s = {in, slice_find(in, '\r')};
    size_t at = 0;
    while (at < in.len && d->state != AT_END && buf_room(out) >= STEP_ROOM) {
        if (d->state == AT_START || d->state == AT_LF_START || d->state == IN_TEXT) {
            /* most often what follows is there already */
            if (d->state == AT_START && is_stuffed_dot(slice_from(in, at))) {
                d->state = IN_TEXT;
                at++;
            }
            size_t next = take_text(d, &s, at, out);
            if (next == at)
                break;
            at = next;
        } else {
            at += take_held(d, in.data[at], out);
        }
    }
    return at;
}

size_t dot_pass(struct dot_decoder *d, struct slice in)
{
    if (in.len < LONG || d->mode != MODE_CRLF || (d->state != AT_START && d->state != IN_TEXT))
        return 0;
    struct scan s = {in, slice_find(in, '\r')};
    size_t n = run_end(&s, 0, in.len, d->state == AT_START);
    if (n < LONG)
        return 0;
    text_passed(d, in.data, n);
    return n;
}

bool dot_decode(struct dot_decoder *d, struct slice in, size_t *used_r, struct buf *out)
{
    *used_r = 0;
    /* No more input is looked at than could fit: a caller with little room must not have the rest
     * searched again and again. */
    while (*used_r < in.len && d->state != AT_END && buf_room(out) >= STEP_ROOM) {
        struct slice window = slice_head(slice_from(in, *used_r), buf_room(out));
        size_t n = decode_window(d, window, out);
        *used_r += n;
        if (n < window.len)
            break;
    }
    return d->state == AT_END;
}

void dot_encoder_init(struct dot_encoder *e)
{
    e->in_line = false;
}

/* Octets at the start of `in` that pass as they are: up to a dot that begins a line. */
static size_t plain_run(struct slice in, bool in_line)
{
    size_t at = 0;
    while (at < in.len && (in_line || in.data[at] != '.')) {
        const char *lf = memchr(in.data + at, '\n', in.len - at);
        if (!lf)
            return in.len;
        at = (size_t)(lf - in.data) + 1;
        in_line = false;
    }
    return at;
}

size_t dot_encode(struct dot_encoder *e, struct slice in, struct buf *out)
{
    size_t taken = 0;
    while (taken < in.len && buf_room(out)) {
        struct slice rest = slice_head(slice_from(in, taken), buf_room(out));
        size_t n = plain_run(rest, e->in_line);
        if (n && buf_append(out, rest.data, n)) {
            e->in_line = rest.data[n - 1] != '\n';
        } else {
            if (!buf_append(out, "..", 2))
                break;
            e->in_line = true;
            n = 1;
        }
        taken += n;
    }
    return taken;
}
