/* One SMTP conversation read again from both directions, as plain as can be: everything in memory,
 * each command matched with the reply of the same number. The fuzzer holds what the product said to
 * one side against what it was told by the other. */
#ifndef FUZZ_CONVERSATION_H
#define FUZZ_CONVERSATION_H

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "fuzz.h"

enum { CONVERSATION_CAP = 64 * 1024 * 1024 };

/* An end of data. */
struct conversation_end {
    size_t unit, first_rcpt, nrcpts;
    /* The unit of the message's first chunk; 0: it has none, it went by DATA. */
    size_t first_chunk;
};

struct conversation {
    /* the product says the commands: they must be commands of ours, and BDAT has a payload */
    bool ours_asks;
    /* by the side that gives commands; `read` octets of it are understood */
    struct buf said;
    /* by the side that replies */
    struct buf told;
    size_t read, heard;
    /* of the replies, the greeting first */
    int *codes;
    /* units: commands, chunks, bodies: all that gets a reply of its own, the greeting included */
    size_t replies, units;
    /* broken: what was told is no reply; nothing more can be matched */
    bool in_body, broken;
    bool in_chunk, chunk_is_last;
    size_t chunk_left;
    /* The unit of the first chunk of the message at hand; 0: there was none yet. */
    size_t first_chunk;
    /* octets of the body at hand in which its end was looked for */
    size_t searched;
    /* the units that were RCPTs; those of the transaction at hand begin at `first_rcpt` */
    size_t *rcpts;
    size_t nrcpts, first_rcpt;
    struct conversation_end *ends;
    /* How many; how many of them were answered 2xx; how many ended chunks one of which the server
     * answered with a denial of BDAT itself: such a message may be sent once more by DATA. */
    size_t nends, taken, denied;
    /* recipients accepted for these, all together */
    size_t served;
};

static inline void conversation_init(struct conversation *c, bool ours_asks)
{
    *c = (struct conversation){.ours_asks = ours_asks, .units = 1};
    buf_init(&c->said, CONVERSATION_CAP);
    buf_init(&c->told, CONVERSATION_CAP);
}

static inline void conversation_free(struct conversation *c)
{
    buf_free(&c->said);
    buf_free(&c->told);
    free(c->codes);
    free(c->rcpts);
    free(c->ends);
}

/* 0: not answered yet. */
static inline int conversation_code(const struct conversation *c, size_t unit)
{
    return unit < c->replies ? c->codes[unit] : 0;
}

static inline bool conversation_reply_line(struct slice line, int *code_r, bool *more_r)
{
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    *code_r = 0;
    for (size_t i = 0; i < 3; i++) {
        if (i >= line.len || !isdigit((unsigned char)line.data[i]))
            return false;
        *code_r = *code_r * 10 + line.data[i] - '0';
    }
    *more_r = line.len > 3 && line.data[3] == '-';
    return true;
}

static inline void conversation_hear(struct conversation *c)
{
    struct slice all = buf_view(&c->told);
    size_t at = c->heard;
    while (!c->broken && at < all.len) {
        struct slice rest = slice_from(all, at);
        size_t end = slice_find(rest, '\n');
        if (end >= rest.len)
            return;
        int code;
        bool more;
        c->broken = !conversation_reply_line(slice_head(rest, end), &code, &more);
        if (c->broken)
            return;
        at += end + 1;
        c->heard = at;
        if (more)
            continue;
        c->codes = realloc(c->codes, (c->replies + 1) * sizeof *c->codes);
        c->codes[c->replies++] = code;
    }
}

/* What may go upstream as a command, whatever a client said. */
static inline void conversation_check_command(struct slice line, bool in_auth)
{
    static const char *const verbs[] = {"EHLO ",       "HELO ",     "STARTTLS", "AUTH ",
                                        "MAIL FROM:<", "RCPT TO:<", "DATA",     "BDAT ",
                                        "RSET",        "NOOP",      "QUIT"};
    bool known = in_auth;
    CHECK(line.len > 0 && line.data[line.len - 1] == '\r');
    for (size_t i = 0; i + 1 < line.len; i++)
        CHECK((unsigned char)line.data[i] >= 0x20 && line.data[i] != 0x7f);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        known = known || (line.len > strlen(verbs[i]) &&
                          strncmp(line.data, verbs[i], strlen(verbs[i])) == 0);
    CHECK(known);
}

static inline void conversation_ended(struct conversation *c)
{
    c->ends = realloc(c->ends, (c->nends + 1) * sizeof *c->ends);
    c->ends[c->nends++] =
        (struct conversation_end){c->units++, c->first_rcpt, c->nrcpts, c->first_chunk};
    c->first_rcpt = c->nrcpts;
    c->first_chunk = 0;
}

/* Whether BDAT itself was denied for one of the message's chunks (RFC 5321 4.2.2: 500 to 504). */
static inline bool conversation_is_denied(const struct conversation *c,
                                          const struct conversation_end *e)
{
    for (size_t unit = e->first_chunk; unit != 0 && unit <= e->unit; unit++) {
        int code = conversation_code(c, unit);
        if (code >= 500 && code <= 504)
            return true;
    }
    return false;
}

/* Whether the octets from `at` on begin with `what`, and the ones before it, not counted from
 * before the body, end with `before`. */
static inline bool conversation_stands(struct slice body, size_t at, const char *before,
                                       const char *what)
{
    size_t n = strlen(before), len = strlen(what);
    bool begins = at == 0 || (at >= n && memcmp(body.data + at - n, before, n) == 0);
    return begins && body.len - at >= len && memcmp(body.data + at, what, len) == 0;
}

/* CRLF.CRLF, or LF.LF where the first line ends so. Where it was not found before it is not looked
 * for again. */
static inline bool conversation_read_body(struct conversation *c, bool lf)
{
    struct slice body = slice_from(buf_view(&c->said), c->read);
    size_t first = slice_find(body, '\n');
    bool lf_mode = lf && first < body.len && (first == 0 || body.data[first - 1] != '\r');
    for (size_t at = c->searched > 3 ? c->searched - 3 : 0; at < body.len; at++) {
        size_t end = conversation_stands(body, at, "\r\n", ".\r\n")          ? 3
                     : lf_mode && conversation_stands(body, at, "\n", ".\n") ? 2
                                                                             : 0;
        if (end == 0)
            continue;
        c->read += at + end;
        c->searched = 0;
        c->in_body = false;
        conversation_ended(c);
        return true;
    }
    c->searched = body.len;
    return false;
}

static inline bool conversation_read_chunk(struct conversation *c)
{
    if (c->said.len - c->read < c->chunk_left)
        return false;
    c->read += c->chunk_left;
    c->in_chunk = false;
    if (c->chunk_is_last)
        conversation_ended(c);
    else
        c->units++;
    return true;
}

static inline void conversation_note_envelope(struct conversation *c, struct slice line)
{
    if (line.len > 4 && strncasecmp(line.data, "MAIL", 4) == 0) {
        c->first_rcpt = c->nrcpts;
        c->first_chunk = 0;
    }
    if (line.len <= 4 || strncasecmp(line.data, "RCPT", 4) != 0)
        return;
    c->rcpts = realloc(c->rcpts, (c->nrcpts + 1) * sizeof *c->rcpts);
    c->rcpts[c->nrcpts++] = c->units;
}

static inline bool conversation_read_line(struct conversation *c, size_t ends_allowed)
{
    struct slice rest = slice_from(buf_view(&c->said), c->read);
    size_t end = slice_find(rest, '\n');
    int before = conversation_code(c, c->units - 1), code = conversation_code(c, c->units);
    if (end >= rest.len)
        return false;
    struct slice line = slice_head(rest, end);
    bool is_data = line.len >= 4 && strncasecmp(line.data, "DATA", 4) == 0;
    /* whether a body follows, only the reply says */
    if (!c->ours_asks || is_data) {
        if (code == 0)
            return false;
        c->in_body = code == 354;
    }
    if (c->ours_asks)
        conversation_check_command(line, before == 334);
    c->read += end + 1;
    conversation_note_envelope(c, line);
    if (c->ours_asks && line.len > 5 && strncmp(line.data, "BDAT ", 5) == 0) {
        c->in_chunk = true;
        if (c->first_chunk == 0)
            c->first_chunk = c->units;
        c->chunk_left = strtoul(line.data + 5, NULL, 10);
        c->chunk_is_last = line.len > 5 && line.data[line.len - 2] == 'T';
        /* LAST is written only when the client has ended its body */
        CHECK(!c->chunk_is_last || ends_allowed > c->nends - c->denied);
        return true;
    }
    c->units++;
    return true;
}

/* Reads on. ends_allowed: as many ends of data may have been said at most. lf: LF.LF ends a body
 * whose first line ends so. */
static inline void conversation_follow(struct conversation *c, size_t ends_allowed, bool lf)
{
    conversation_hear(c);
    while (c->in_chunk  ? conversation_read_chunk(c)
           : c->in_body ? conversation_read_body(c, lf)
                        : conversation_read_line(c, ends_allowed))
        continue;
    c->taken = c->served = c->denied = 0;
    for (size_t i = 0; i < c->nends; i++) {
        const struct conversation_end *e = &c->ends[i];
        int code = conversation_code(c, e->unit);
        c->denied += conversation_is_denied(c, e);
        if (code / 100 != 2)
            continue;
        c->taken++;
        for (size_t r = e->first_rcpt; r < e->nrcpts; r++)
            c->served += conversation_code(c, c->rcpts[r]) / 100 == 2;
    }
}

#endif
