#include "spool/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "spool/crc32c.h"
#include "spool/words.h"

#define FIRST_LINE "smtp-detour spool 1\n"

bool spool_id_is_valid(const char *id)
{
    size_t n = strlen(id);
    if (n == 0 || n >= SPOOL_ID_SIZE || id[0] == '.')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!ascii_is_alpha(id[i]) && !ascii_is_digit(id[i]) && id[i] != '.')
            return false;
    return true;
}

/* The lines that have one value each. */
static const struct {
    const char *name;
    size_t at;
} texts[] = {{"id", offsetof(struct spool_envelope, id)},
             {"account", offsetof(struct spool_envelope, account)},
             {"listener", offsetof(struct spool_envelope, listener)},
             {"client", offsetof(struct spool_envelope, client)},
             {"login", offsetof(struct spool_envelope, login)},
             {"destination", offsetof(struct spool_envelope, destination)},
             {"reason", offsetof(struct spool_envelope, reason)},
             {"date", offsetof(struct spool_envelope, date)},
             {"message-id", offsetof(struct spool_envelope, message_id)},
             {"sender", offsetof(struct spool_envelope, sender)},
             {"ret", offsetof(struct spool_envelope, ret)},
             {"envid", offsetof(struct spool_envelope, envid)}};
#define TEXTS (sizeof texts / sizeof *texts)

static char **text_of(struct spool_envelope *e, size_t i)
{
    return (char **)(void *)((char *)e + texts[i].at);
}

static const char *text_in(const struct spool_envelope *e, size_t i)
{
    return *(char *const *)(const void *)((const char *)e + texts[i].at);
}

void spool_envelope_free(struct spool_envelope *e)
{
    for (size_t i = 0; i < TEXTS; i++)
        free(*text_of(e, i));
    for (size_t i = 0; i < e->nrecipients; i++) {
        free(e->recipients[i].address);
        free(e->recipients[i].notify);
        free(e->recipients[i].orcpt);
    }
    free(e->recipients);
    memset(e, 0, sizeof *e);
}

/* ---- writing ---- */

static bool add_recipient(struct buf *out, const struct spool_recipient *r)
{
    return buf_printf(out, "recipient") && words_add(out, r->address) &&
           words_add(out, r->notify) && words_add(out, r->orcpt) && buf_append(out, "\n", 1);
}

bool spool_head_write(struct buf *out, const struct spool_envelope *e)
{
    size_t before = out->len;
    if (!buf_printf(out, FIRST_LINE "numbers %" PRIu64 " %" PRId64 " %" PRId64 " %d %d %d %u %zu\n",
                    e->sequence, e->queued, e->written_ms, (int)e->bounce, (int)e->body,
                    (int)e->smtputf8, e->unknown, e->nrecipients))
        return false;
    for (size_t i = 0; i < TEXTS; i++)
        if (!buf_printf(out, "%s", texts[i].name) || !words_add(out, text_in(e, i)) ||
            !buf_append(out, "\n", 1))
            return false;
    for (size_t i = 0; i < e->nrecipients; i++)
        if (!add_recipient(out, &e->recipients[i]))
            return false;
    uint32_t crc = crc32c(0, slice_from(buf_view(out), before));
    return buf_printf(out, "head %08" PRIx32 "\n", crc);
}

void spool_tail_write(char out[SPOOL_TAIL_SIZE], uint64_t head, uint64_t body, uint32_t crc)
{
    char text[SPOOL_TAIL_SIZE + 16];
    int n =
        snprintf(text, sizeof text, "end head=%010" PRIu64 " body=%020" PRIu64 " crc=", head, body);
    crc = crc32c(crc, slice_make(text, (size_t)n));
    snprintf(text + n, sizeof text - (size_t)n, "%08" PRIx32 "\n", crc);
    memcpy(out, text, SPOOL_TAIL_SIZE);
}

/* ---- reading ---- */

/* The octets of the line at *at without its end; *at moves behind it. false: no line ends. */
static bool next_line(struct slice in, size_t *at, struct slice *line_r)
{
    struct slice rest = slice_from(in, *at);
    size_t n = slice_find(rest, '\n');
    if (n == rest.len)
        return false;
    *line_r = slice_head(rest, n);
    *at += n + 1;
    return true;
}

/* Finds the end of the head and checks its CRC before any word of it is used. */
static enum spool_head find_end(struct slice in, size_t *lines_r, size_t *len_r)
{
    struct slice line, first = slice_of(FIRST_LINE);
    size_t at = 0;
    if (in.len < first.len)
        return slice_equal(in, slice_head(first, in.len)) ? SPOOL_HEAD_MORE : SPOOL_HEAD_BAD;
    if (!slice_equal(slice_head(in, first.len), first))
        return SPOOL_HEAD_BAD;
    for (;;) {
        *lines_r = at;
        if (!next_line(in, &at, &line))
            return in.len < CAP_SPOOL_HEAD ? SPOOL_HEAD_MORE : SPOOL_HEAD_BAD;
        if (slice_is(slice_head(line, 5), "head "))
            break;
    }
    uint32_t crc;
    *len_r = at;
    return words_hex(slice_from(line, 5), &crc) && crc == crc32c(0, slice_head(in, *lines_r))
               ? SPOOL_HEAD_OK
               : SPOOL_HEAD_BAD;
}

static bool read_numbers(struct slice line, struct spool_envelope *e)
{
    uint64_t n[8];
    if (!slice_is(words_next(&line), "numbers"))
        return false;
    for (size_t i = 0; i < 8; i++)
        if (!words_number(words_next(&line), &n[i]))
            return false;
    if (line.len || n[1] > INT64_MAX || n[2] > INT64_MAX || n[3] > SPOOL_BOUNCE_OWN ||
        n[4] > BODY_8BITMIME || n[5] > 1 || n[6] > UINT32_MAX || n[7] == 0 ||
        n[7] > CAP_SPOOL_HEAD / 16)
        return false;
    e->sequence = n[0];
    e->queued = (usec)n[1];
    e->written_ms = (int64_t)n[2];
    e->bounce = (enum spool_bounce)n[3];
    e->body = (enum body_type)n[4];
    e->smtputf8 = n[5] == 1;
    e->unknown = (unsigned)n[6];
    e->recipients = mem_alloc((size_t)n[7] * sizeof *e->recipients);
    e->nrecipients = (size_t)n[7];
    return true;
}

/* Reads "name value" with nothing behind it. */
static bool read_text(struct slice line, const char *name, char **value_r)
{
    if (!slice_is(words_next(&line), name))
        return false;
    *value_r = words_value(words_next(&line));
    return *value_r && line.len == 0;
}

static bool read_recipient(struct slice line, struct spool_recipient *r)
{
    if (!slice_is(words_next(&line), "recipient"))
        return false;
    r->address = words_value(words_next(&line));
    r->notify = words_value(words_next(&line));
    r->orcpt = words_value(words_next(&line));
    return r->address && *r->address && r->notify && r->orcpt && line.len == 0;
}

static bool read_lines(struct slice lines, struct spool_envelope *e)
{
    struct slice line;
    size_t at = sizeof FIRST_LINE - 1;
    if (!next_line(lines, &at, &line) || !read_numbers(line, e))
        return false;
    for (size_t i = 0; i < TEXTS; i++)
        if (!next_line(lines, &at, &line) || !read_text(line, texts[i].name, text_of(e, i)))
            return false;
    for (size_t i = 0; i < e->nrecipients; i++)
        if (!next_line(lines, &at, &line) || !read_recipient(line, &e->recipients[i]))
            return false;
    return at == lines.len && spool_id_is_valid(e->id);
}

enum spool_head spool_head_parse(struct slice in, struct spool_envelope *e_r, size_t *len_r)
{
    size_t lines;
    enum spool_head found = find_end(in, &lines, len_r);
    if (found != SPOOL_HEAD_OK)
        return found;
    memset(e_r, 0, sizeof *e_r);
    if (read_lines(slice_head(in, lines), e_r))
        return SPOOL_HEAD_OK;
    spool_envelope_free(e_r);
    return SPOOL_HEAD_BAD;
}

/* Reads a word of the tail: "name=" and digits. */
static bool tail_word(struct slice *line, const char *name, size_t digits, struct slice *value_r)
{
    struct slice word = words_next(line);
    size_t n = strlen(name);
    *value_r = slice_from(word, n);
    return slice_equal(slice_head(word, n), slice_of(name)) && value_r->len == digits;
}

bool spool_tail_parse(struct slice tail, uint64_t size, struct spool_tail *out_r)
{
    struct slice line = slice_head(tail, SPOOL_TAIL_SIZE - 1), head, body, crc;
    if (tail.len != SPOOL_TAIL_SIZE || tail.data[SPOOL_TAIL_SIZE - 1] != '\n' ||
        !slice_is(words_next(&line), "end") || !tail_word(&line, "head=", 10, &head) ||
        !tail_word(&line, "body=", 20, &body) || !tail_word(&line, "crc=", 8, &crc))
        return false;
    return words_number(head, &out_r->head) && words_number(body, &out_r->body) &&
           words_hex(crc, &out_r->crc) && size >= SPOOL_TAIL_SIZE &&
           out_r->head <= size - SPOOL_TAIL_SIZE &&
           out_r->body == size - SPOOL_TAIL_SIZE - out_r->head;
}

bool spool_tail_agrees(struct slice tail, uint32_t crc)
{
    uint32_t stated;
    return tail.len == SPOOL_TAIL_SIZE &&
           words_hex(slice_head(slice_from(tail, SPOOL_TAIL_SIZE - 9), 8), &stated) &&
           stated == crc32c(crc, slice_head(tail, SPOOL_TAIL_SIZE - 9));
}
