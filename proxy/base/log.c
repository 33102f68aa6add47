#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/caps.h"
#include "base/decimal.h"
#include "base/mem.h"

/* Octets that most lines have. */
enum { LINE_USUAL = 512 };

struct log {
    enum log_level level;
    bool json;
    struct log_sink sink;
    /* The last second that was written out, and its text. */
    int64_t second;
    char second_text[24];
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

struct log *log_new(enum log_level level, bool json, struct log_sink sink)
{
    struct log *log = NEW(struct log);
    *log = (struct log){.level = level, .json = json, .sink = sink, .second = -1};
    return log;
}

void log_free(struct log **log)
{
    free(*log);
    *log = NULL;
}

void log_set(struct log *log, enum log_level level, bool json)
{
    log->level = level;
    log->json = json;
}

bool log_wants(const struct log *log, enum log_level level)
{
    return level <= log->level;
}

struct log_field log_str(const char *key, const char *text)
{
    struct log_field f = log_slice(key, slice_of(text));
    if (!text)
        f.text.data = NULL;
    return f;
}

struct log_field log_slice(const char *key, struct slice text)
{
    return (struct log_field){.key = key, .kind = LOG_TEXT, .text = text};
}

struct log_field log_num(const char *key, int64_t number)
{
    return (struct log_field){.key = key, .kind = LOG_NUMBER, .number = number};
}

struct log_field log_usec(const char *key, int64_t microseconds)
{
    return (struct log_field){.key = key, .kind = LOG_MS, .number = microseconds};
}

/* Returns the number of bytes of the well-formed UTF-8 character at the start of `s`, and its code.
 * Returns 0 if there is none. */
static size_t utf8_decode(struct slice s, uint32_t *code_r)
{
    const unsigned char *p = (const unsigned char *)s.data;
    size_t n = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
               : p[0] >= 0xe0 && p[0] <= 0xef ? 3
               : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                              : 0;
    if (n == 0 || s.len < n)
        return 0;
    uint32_t code = p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3fu);
    }
    *code_r = code;
    bool is_overlong = (n == 3 && code < 0x800) || (n == 4 && code < 0x10000);
    bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
    return is_overlong || is_surrogate || code > 0x10ffff ? 0 : n;
}

/* Returns true for controls, line separators and all that Unicode calls default ignorable
 * (DerivedCoreProperties.txt, 15.0). Such a character is invisible, turns the direction of what
 * follows, or hides text in tags. */
static bool is_unseen(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x80, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},   {0x61c, 0x61c},
        {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f}, {0x200b, 0x200f},
        {0x2028, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164}, {0xfe00, 0xfe0f},
        {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfff8}, {0x1bca0, 0x1bca3},
        {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges && ranges[i].first <= code; i++)
        if (code <= ranges[i].last)
            return true;
    return false;
}

/* Writes a character as JSON has it: one beyond the first plane becomes a pair of surrogates. */
static bool put_code(struct buf *line, uint32_t code)
{
    if (code < 0x10000)
        return buf_printf(line, "\\u%04x", (unsigned)code);
    code -= 0x10000;
    return buf_printf(line, "\\u%04x\\u%04x", (unsigned)(0xd800 + (code >> 10)),
                      (unsigned)(0xdc00 + (code & 0x3ff)));
}

static size_t plain_run(struct slice text)
{
    size_t n = 0;
    while (n < text.len && text.data[n] >= 32 && text.data[n] < 127 && text.data[n] != '"' &&
           text.data[n] != '\\')
        n++;
    return n;
}

static bool put_escaped(struct buf *line, struct slice text)
{
    bool ok = true;
    size_t cut = text.len > CAP_LOG_FIELD ? CAP_LOG_FIELD : text.len;
    for (size_t i = 0; ok && i < cut;) {
        unsigned char c = (unsigned char)text.data[i];
        size_t n = plain_run(slice_from(slice_head(text, cut), i));
        if (n) {
            ok = buf_append(line, text.data + i, n);
            i += n;
            continue;
        }
        uint32_t code = 0;
        n = 1;
        if (c == '"' || c == '\\')
            ok = buf_printf(line, "\\%c", c);
        else if (c == '\n' || c == '\r' || c == '\t')
            ok = buf_printf(line, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (c >= 128 && (n = utf8_decode(slice_from(text, i), &code)) > 0)
            ok = is_unseen(code) ? put_code(line, code) : buf_append(line, text.data + i, n);
        else {
            /* A stray byte is written as U+00xx. That is unambiguous enough, and it is valid
             * JSON. */
            n = 1;
            ok = put_code(line, c);
        }
        i += n;
    }
    return ok && (cut == text.len || buf_append_slice(line, slice_of("...")));
}

static bool needs_quotes(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= ' ' || c >= 127 || c == '"' || c == '\\' || c == '=')
            return true;
    }
    return text.len == 0;
}

static bool put_text(const struct log *log, struct buf *line, struct slice text)
{
    if (!log->json && !needs_quotes(text))
        return buf_append_slice(line, slice_head(text, CAP_LOG_FIELD));
    return buf_append_slice(line, slice_of("\"")) && put_escaped(line, text) &&
           buf_append_slice(line, slice_of("\""));
}

static bool put_word(struct buf *line, const char *text)
{
    return buf_append_slice(line, slice_of(text));
}

static bool put_number(struct buf *line, int64_t number, size_t width)
{
    char text[1 + DECIMAL_ROOM] = "-";
    size_t sign = number < 0;
    size_t n = decimal_put(text + sign, sign ? 0 - (uint64_t)number : (uint64_t)number, width);
    return buf_append(line, text, sign + n);
}

static bool put_field(const struct log *log, struct buf *line, const struct log_field *f)
{
    if (f->kind == LOG_TEXT && !f->text.data)
        return true;
    const char *comma = line->len == 0 || (log->json && line->len == 1) ? ""
                        : log->json                                     ? ","
                                                                        : " ";
    const char *quote = log->json ? "\"" : "", *is = log->json ? "\":" : "=";
    if (!put_word(line, comma) || !put_word(line, quote) || !put_word(line, f->key) ||
        !put_word(line, is))
        return false;
    if (f->kind == LOG_NUMBER)
        return put_number(line, f->number, 1);
    if (f->kind == LOG_MS)
        return put_number(line, f->number / 1000000, 1) && put_word(line, ".") &&
               put_number(line, f->number / 1000 % 1000, 3);
    return put_text(log, line, f->text);
}

static void format_time(struct log *log, char out[40])
{
    int64_t ms = log->sink.wall_ms(log->sink.ctx);
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    if (seconds != log->second) {
        gmtime_r(&seconds, &parts);
        strftime(log->second_text, sizeof log->second_text, "%Y-%m-%dT%H:%M:%S", &parts);
        log->second = seconds;
    }
    size_t len = strlen(log->second_text);
    memcpy(out, log->second_text, len);
    out[len++] = '.';
    len += decimal_put(out + len, (uint64_t)(ms % 1000), 3);
    out[len++] = 'Z';
    out[len] = 0;
}

void log_write(struct log *log, enum log_level level, const char *msg,
               const struct log_field *fields)
{
    if (!log_wants(log, level))
        return;
    char when[40];
    format_time(log, when);
    const struct log_field head[] = {log_str("time", when),
                                     log_str("level", level_names[level]),
                                     log_str("msg", msg),
                                     {.key = NULL}};
    struct buf line;
    buf_init(&line, CAP_LOG_LINE);
    buf_reserve(&line, 0, LINE_USUAL);
    bool ok = !log->json || buf_append_slice(&line, slice_of("{"));
    for (const struct log_field *f = head; ok && f->key; f++)
        ok = put_field(log, &line, f);
    /* The octets that close the line always fit. */
    line.cap -= 4;
    for (const struct log_field *f = fields; ok && f && f->key; f++) {
        size_t before = line.len;
        ok = put_field(log, &line, f);
        if (!ok)
            line.len = before;
    }
    line.cap += 4;
    if (buf_append_slice(&line, slice_of(log->json ? "}\n" : "\n"))) {
        struct slice whole = buf_view(&line);
        log->sink.write(log->sink.ctx, level, whole.data, whole.len);
    }
    buf_free(&line);
}

void log_say(struct log *log, enum log_level level, const char *fmt, ...)
{
    if (!log_wants(log, level))
        return;
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    log_write(log, level, text, NULL);
}
