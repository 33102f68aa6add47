#include "spool/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "spool/clock.h"
#include "spool/crc32c.h"
#include "spool/words.h"

enum { WORDS_KEPT = 200 };

void history_init(struct history *h, size_t nrecipients)
{
    memset(h, 0, sizeof *h);
    h->n = nrecipients;
    h->recipients = mem_alloc(nrecipients * sizeof *h->recipients);
}

void history_free(struct history *h)
{
    for (size_t i = 0; i < h->n; i++)
        free(h->recipients[i].words);
    free(h->recipients);
    memset(h, 0, sizeof *h);
}

unsigned history_unknown(const struct history *h)
{
    return h->unknown + (h->dot_is_open ? 1 : 0);
}

struct history_count history_count(const struct history *h)
{
    struct history_count c = {0};
    for (size_t i = 0; i < h->n; i++)
        switch (h->recipients[i].fate) {
        case FATE_WAITING:
        case FATE_PUT_OFF: c.waiting++; break;
        case FATE_REFUSED: c.refused++; break;
        case FATE_SERVED: c.served++; break;
        case FATE_FAILED: c.failed++; break;
        }
    return c;
}

bool history_reason(const struct history *h, char out[HISTORY_REASON])
{
    for (size_t i = 0; i < h->n; i++) {
        const struct history_recipient *r = &h->recipients[i];
        if (r->fate == FATE_SERVED || !r->words || !r->words[0])
            continue;
        /* Words of ours have no code, because no server said them. */
        if (r->code)
            snprintf(out, HISTORY_REASON, "%u %.*s", r->code, WORDS_KEPT, r->words);
        else
            snprintf(out, HISTORY_REASON, "%.*s", WORDS_KEPT, r->words);
        return true;
    }
    return false;
}

/* ---- reading ---- */

static bool read_unsigned(struct slice *line, unsigned max, unsigned *out_r)
{
    uint64_t n;
    if (!words_number(words_next(line), &n) || n > max)
        return false;
    *out_r = (unsigned)n;
    return true;
}

static bool read_try(struct history *h, struct slice line, bool has_dot)
{
    unsigned number;
    if (!read_unsigned(&line, UINT32_MAX - 1, &number) || (has_dot && !slice_is(line, "dot")) ||
        (!has_dot && line.len))
        return false;
    /* If this is the try with the open end of data, it was answered. Otherwise it never was. */
    if (has_dot || number != h->dot_number)
        h->unknown = history_unknown(h);
    h->tries = number > h->tries ? number : h->tries;
    h->dot_is_open = has_dot;
    h->dot_number = number;
    return true;
}

static bool read_lost(struct history *h, struct slice line)
{
    unsigned number;
    if (!read_unsigned(&line, UINT32_MAX - 1, &number) || line.len)
        return false;
    h->unknown++;
    h->dot_is_open = false;
    return true;
}

static bool read_fate(struct history *h, struct slice line, enum fate fate)
{
    unsigned i, code = 0;
    char *words = NULL;
    if (h->n == 0 || !read_unsigned(&line, (unsigned)(h->n - 1), &i))
        return false;
    if (fate != FATE_SERVED) {
        if (!read_unsigned(&line, 999, &code))
            return false;
        words = words_value(words_next(&line));
        if (!words)
            return false;
    }
    if (line.len) {
        free(words);
        return false;
    }
    h->dot_is_open = false;
    struct history_recipient *r = &h->recipients[i];
    /* A served recipient stays served, whatever is written later. */
    if (r->fate == FATE_SERVED) {
        free(words);
        return true;
    }
    r->fate = fate;
    r->code = code;
    free(r->words);
    r->words = words;
    return true;
}

/* Sets the fate of the recipients in a list such as "0,3,4". Changes nothing if the list is bad. */
static bool read_list(struct history *h, struct slice list)
{
    for (int pass = 0; pass < 2; pass++)
        for (struct slice rest = list;;) {
            uint64_t i;
            struct slice item = slice_head(rest, slice_find(rest, ','));
            if (!words_number(item, &i) || i >= h->n)
                return false;
            if (pass == 1 && h->recipients[i].fate != FATE_SERVED)
                h->recipients[i].fate = FATE_FAILED;
            if (item.len == rest.len)
                break;
            rest = slice_make(item.data + item.len + 1, rest.len - item.len - 1);
            if (rest.len == 0)
                return false;
        }
    return true;
}

static bool read_failed(struct history *h, struct slice line)
{
    struct slice list = words_next(&line);
    unsigned bounce = 0;
    uint64_t at;
    if (!slice_is(words_next(&line), "bounce"))
        return false;
    struct slice which = words_next(&line);
    if (!slice_is(which, "-") && !read_unsigned(&which, UINT32_MAX - 1, &bounce))
        return false;
    if (!words_number(words_next(&line), &at) || at > INT64_MAX || line.len || !read_list(h, list))
        return false;
    h->failed_at = (usec)at;
    h->bounces = bounce > h->bounces ? bounce : h->bounces;
    return true;
}

static bool read_again(struct history *h, struct slice line)
{
    uint64_t at;
    if (!words_number(words_next(&line), &at) || at > INT64_MAX || line.len)
        return false;
    for (size_t i = 0; i < h->n; i++)
        if (h->recipients[i].fate == FATE_FAILED || h->recipients[i].fate == FATE_REFUSED)
            h->recipients[i].fate = FATE_WAITING;
    h->unknown = 0;
    h->dot_is_open = false;
    h->again = true;
    h->again_at = (usec)at;
    return true;
}

static bool read_line(struct history *h, struct slice line)
{
    struct slice verb = words_next(&line);
    if (slice_is(verb, "try"))
        return read_try(h, line, true);
    if (slice_is(verb, "tried"))
        return read_try(h, line, false);
    if (slice_is(verb, "lost"))
        return read_lost(h, line);
    if (slice_is(verb, "served"))
        return read_fate(h, line, FATE_SERVED);
    if (slice_is(verb, "putoff"))
        return read_fate(h, line, FATE_PUT_OFF);
    if (slice_is(verb, "refused"))
        return read_fate(h, line, FATE_REFUSED);
    if (slice_is(verb, "failed"))
        return read_failed(h, line);
    return slice_is(verb, "again") && read_again(h, line);
}

static uint32_t line_crc(const char *id, struct slice text)
{
    return crc32c(crc32c(0, slice_of(id)), text);
}

size_t history_read(struct history *h, const char *id, struct slice log)
{
    size_t good = 0;
    for (;;) {
        struct slice rest = slice_from(log, good);
        size_t n = slice_find(rest, '\n');
        uint32_t crc;
        if (n == rest.len)
            return good;
        struct slice line = slice_head(rest, n);
        if (!words_hex(words_next(&line), &crc) || crc != line_crc(id, line) || !read_line(h, line))
            return good;
        good += n + 1;
    }
}

/* ---- writing ---- */

/* Puts the CRC before the line that was appended since `before`, and its end behind it. */
static bool seal(struct buf *out, const char *id, struct buf *line)
{
    bool fits = buf_printf(out, "%08" PRIx32 " ", line_crc(id, buf_view(line))) &&
                buf_append_slice(out, buf_view(line)) && buf_append(out, "\n", 1);
    buf_free(line);
    return fits;
}

static bool add(struct buf *out, const char *id, const char *fmt, ...) PRINTF_LIKE(3, 4);
static bool add(struct buf *out, const char *id, const char *fmt, ...)
{
    struct buf line;
    va_list args;
    buf_init(&line, CAP_SPOOL_HEAD);
    va_start(args, fmt);
    bool fits = buf_vprintf(&line, fmt, args);
    va_end(args);
    return seal(out, id, &line) && fits;
}

bool history_add_dot(struct buf *out, const char *id, unsigned number)
{
    return add(out, id, "try %u dot", number);
}

bool history_add_tried(struct buf *out, const char *id, unsigned number)
{
    return add(out, id, "tried %u", number);
}

bool history_add_lost(struct buf *out, const char *id, unsigned number)
{
    return add(out, id, "lost %u", number);
}

bool history_add_fate(struct buf *out, const char *id, size_t recipient, enum fate fate,
                      unsigned code, const char *words)
{
    struct buf line;
    if (fate == FATE_SERVED)
        return add(out, id, "served %zu", recipient);
    char *cut = mem_copy(words, strlen(words) < WORDS_KEPT ? strlen(words) : WORDS_KEPT);
    buf_init(&line, 4 * WORDS_KEPT);
    bool fits = buf_printf(&line, "%s %zu %u", fate == FATE_PUT_OFF ? "putoff" : "refused",
                           recipient, code % 1000) &&
                words_add(&line, cut);
    free(cut);
    return seal(out, id, &line) && fits;
}

bool history_add_failed(struct buf *out, const char *id, const size_t *recipients, size_t n,
                        unsigned bounce, usec now)
{
    struct buf line;
    buf_init(&line, CAP_SPOOL_HEAD);
    bool fits = buf_printf(&line, "failed ");
    for (size_t i = 0; i < n; i++)
        fits = fits && buf_printf(&line, "%s%zu", i ? "," : "", recipients[i]);
    fits =
        fits && (bounce ? buf_printf(&line, " bounce %u", bounce) : buf_printf(&line, " bounce -"));
    fits = fits && buf_printf(&line, " %" PRId64, now);
    return seal(out, id, &line) && fits;
}

bool history_add_again(struct buf *out, const char *id, usec now)
{
    return add(out, id, "again %" PRId64, now);
}

/* ---- moving ---- */

/* If a line has a time, that is its last word. */
static bool move_line(struct buf *out, const char *id, struct slice text, usec shift, usec now)
{
    struct slice rest = text, verb = words_next(&rest), last = verb;
    uint64_t at;
    if (!slice_is(verb, "failed") && !slice_is(verb, "again"))
        return add(out, id, "%.*s", (int)text.len, text.data);
    while (rest.len)
        last = words_next(&rest);
    return words_number(last, &at) && at <= INT64_MAX &&
           add(out, id, "%.*s%" PRId64, (int)(text.len - last.len), text.data,
               spool_clock_shift((usec)at, shift, now));
}

bool history_move(struct buf *out, const char *id, struct slice log, usec shift, usec now)
{
    while (log.len) {
        size_t n = slice_find(log, '\n');
        struct slice line = slice_head(log, n);
        uint32_t crc;
        if (n == log.len || !words_hex(words_next(&line), &crc) || crc != line_crc(id, line) ||
            !move_line(out, id, line, shift, now))
            return false;
        log = slice_from(log, n + 1);
    }
    return true;
}
