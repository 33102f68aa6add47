#include "wire/dot.h"

#include <string.h>

#include "base/attr.h"
#include "base/caps.h"

/* The state of the decoder. A repaired line end does not begin a line in the sense of RFC 5321, so
 * a dot behind it is text. */
enum {
    /* At the start of the data or after CRLF. A dot is stuffed here. */
    AT_START,
    /* In LF mode, after a bare LF. A dot is stuffed here. */
    AT_LF_START,
    IN_TEXT,
    /* The CRs, as many as `crs`, are held back until it is known whether an LF follows. */
    AFTER_CR,
    /* A dot after AT_START is held back. */
    AFTER_DOT,
    /* A dot after AT_LF_START is held back. */
    AFTER_LF_DOT,
    /* A ".CR" after AT_START is held back. */
    AFTER_DOT_CR,
    AT_END
};

enum { MODE_UNDECIDED, MODE_LF, MODE_CRLF };

/* A step produces at most one line end. A call may produce more, and leaves up to 3 octets of
 * room. */
enum { STEP_ROOM = 4 };

enum {
    /* This many octets are examined together. It is a constant, so that compilers use vectors. */
    BLOCK = 512,
    /* From this many octets on, passing without a copy is cheaper than copying. */
    LONG = 1024,
};

/* The input of one call with the position of its next CR. The CR is searched for once and not again
 * at every line end, so that input made of line ends costs no more than any other. */
struct scan {
    struct slice in;
    /* Valid while it is not behind the current position. in.len means that no CR is left. */
    size_t cr;
};

void dot_decoder_init(struct dot_decoder *d, bool lf_allowed)
{
    *d = (struct dot_decoder){.lf_allowed = lf_allowed,
                              .state = AT_START,
                              .mode = lf_allowed ? MODE_UNDECIDED : MODE_CRLF};
}

/* The caller has made sure that `n` fits. */
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

/* Returns true if BLOCK octets hold no bare CR, no bare LF and no dot after an LF. The octet behind
 * them is known, too. */
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

/* Skips whole blocks of plain text. It never stops between a CR and its LF. */
WIDE_VECTORS static size_t leap(const char *data, size_t at, size_t limit)
{
    size_t from = at;
    if (data[at] == '\n')
        return at;
    while (limit - at > BLOCK && is_plain(data + at))
        at += BLOCK;
    return at > from && data[at - 1] == '\r' ? at - 1 : at;
}

/* Returns the end of the octets from `at` that pass unchanged, at most `limit`: whole lines with
 * their CRLF. They end at a bare CR or LF, at a dot that begins a line, or at a CR whose successor
 * has not arrived. There is at least one octet at `at`. */
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

/* Takes text at a line's start or within a line. Returns where it stopped: beyond `at`, or at `at`
 * if dot_pass is to take what follows. */
static size_t take_text(struct dot_decoder *d, struct scan *s, size_t at, struct buf *out)
{
    size_t room = buf_room(out);
    size_t limit = s->in.len - at < room ? s->in.len : at + room;
    bool may_stop = at > 0 && d->mode == MODE_CRLF && limit - at > LONG;
    /* It is enough to see that the run is long. */
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

/* Decides about the held octets when their next octet `c` arrives. Returns whether `c` is
 * consumed. */
static bool take_held(struct dot_decoder *d, char c, struct buf *out)
{
    switch (d->state) {
    case AFTER_CR:
        if (c == '\n') {
            take_crlf(d, out);
        } else if (c == '\r') {
            d->crs += d->crs < CAP_CR_RUN;
        } else {
            /* They go one at a time: each needs its own room, and `c` waits for the last. */
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
    /* The state is AFTER_DOT_CR. */
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
            /* Usually the next octets have arrived already. */
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
    /* The decoder examines no more input than could fit, so that a caller with little room does not
     * have the rest searched again and again. */
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

/* Returns how many octets at the start of `in` pass unchanged, up to a dot that begins a line. */
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
