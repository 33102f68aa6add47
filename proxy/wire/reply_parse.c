#include <string.h>

#include "base/caps.h"
#include "wire/reply.h"

enum { CODE_LEN = 3 };

void reply_parser_init(struct reply_parser *p)
{
    *p = (struct reply_parser){0};
    reply_init(&p->reply);
    /* The CR is not counted. */
    buf_init(&p->line, CAP_REPLY_LINE + 1);
}

void reply_parser_free(struct reply_parser *p)
{
    reply_free(&p->reply);
    buf_free(&p->line);
    reply_parser_init(p);
}

static enum reply_step bad(struct reply_parser *p, const char *words)
{
    p->bad = words;
    buf_free(&p->line);
    return REPLY_BAD;
}

/* Returns whether the line begins with ^[2-5][0-5][0-9] (RFC 5321 4.2), as far as it has arrived. A
 * peer of another protocol is recognised by its first octets, before it sends a line end. */
static bool code_may_be(struct slice line)
{
    static const char low[CODE_LEN] = {'2', '0', '0'}, high[CODE_LEN] = {'5', '5', '9'};
    for (size_t i = 0; i < CODE_LEN && i < line.len; i++)
        if (line.data[i] < low[i] || line.data[i] > high[i])
            return false;
    return line.len <= CODE_LEN || line.data[CODE_LEN] == ' ' || line.data[CODE_LEN] == '-';
}

static size_t digits(struct slice s)
{
    size_t n = 0;
    while (n < s.len && ascii_is_digit(s.data[n]))
        n++;
    return n;
}

/* Returns the octets of an enhanced code at the start of the text whose class is `hundred` (RFC
 * 2034 section 4), or 0. */
static size_t enhanced_len(struct slice text, char hundred)
{
    if (hundred == '3' || text.len < 5 || text.data[0] != hundred)
        return 0;
    size_t n = 1;
    for (int part = 0; part < 2; part++) {
        if (n == text.len || text.data[n] != '.')
            return 0;
        size_t more = digits(slice_from(text, n + 1));
        if (more < 1 || more > 3)
            return 0;
        n += 1 + more;
    }
    return n == text.len || text.data[n] == ' ' ? n : 0;
}

static int code_of(struct slice line)
{
    return (line.data[0] - '0') * 100 + (line.data[1] - '0') * 10 + (line.data[2] - '0');
}

/* Takes the enhanced code off a line's text. The first line that has one determines the reply's
 * code. A different code stays in the text. */
static struct slice take_enhanced(struct reply *r, struct slice text)
{
    size_t n = enhanced_len(text, (char)('0' + r->code / 100));
    if (n == 0)
        return text;
    if (!r->enhanced[0]) {
        memcpy(r->enhanced, text.data, n);
        r->enhanced[n] = 0;
    }
    return slice_is(slice_head(text, n), r->enhanced) ? slice_from(text, n + 1) : text;
}

/* Adds a line's text without controls, because it goes into logs and to clients. */
static bool add_text(struct reply *r, struct slice text)
{
    UNINITIALIZED char clean[CAP_REPLY_LINE];
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i] == '\t' ? ' ' : text.data[i];
        if (!ascii_is_control(c))
            clean[n++] = c;
    }
    while (n && clean[n - 1] == ' ')
        n--;
    text = take_enhanced(r, slice_make(clean, n));
    return (r->lines == 1 || buf_append(&r->text, "\n", 1)) && buf_append_slice(&r->text, text);
}

/* Takes one complete line without its LF. */
static enum reply_step take_line(struct reply_parser *p, struct slice line)
{
    struct reply *r = &p->reply;
    while (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    if (line.len > CAP_REPLY_LINE)
        return bad(p, "a reply line that is too long");
    if (memchr(line.data, 0, line.len))
        return bad(p, "a NUL in a reply");
    if (line.len < CODE_LEN || !code_may_be(line))
        return bad(p, "a line that is no SMTP reply");
    int code = code_of(line);
    if (r->lines && code != r->code)
        return bad(p, "two codes in one reply");
    if (r->lines == CAP_REPLY_LINES)
        return bad(p, "a reply of too many lines");
    r->code = code;
    r->lines++;
    if (!add_text(r, slice_from(line, CODE_LEN + 1)))
        return bad(p, "a reply that is too long");
    p->done = line.len == CODE_LEN || line.data[CODE_LEN] == ' ';
    return p->done ? REPLY_DONE : REPLY_MORE;
}

/* Keeps the beginning of a line until the rest arrives. */
static enum reply_step keep_part(struct reply_parser *p, struct slice part)
{
    if (!buf_append_slice(&p->line, part))
        return bad(p, "a reply line that is too long");
    struct slice line = buf_view(&p->line);
    if (memchr(part.data, 0, part.len))
        return bad(p, "a NUL in a reply");
    while (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    if (!code_may_be(line))
        return bad(p, "a line that is no SMTP reply");
    return REPLY_MORE;
}

static enum reply_step end_line(struct reply_parser *p, struct slice part)
{
    if (p->line.len == 0)
        return take_line(p, part);
    if (!buf_append_slice(&p->line, part))
        return bad(p, "a reply line that is too long");
    enum reply_step step = take_line(p, buf_view(&p->line));
    buf_clear(&p->line);
    return step;
}

enum reply_step reply_parser_feed(struct reply_parser *p, struct slice in, size_t *used_r)
{
    enum reply_step step = p->bad ? REPLY_BAD : REPLY_MORE;
    *used_r = 0;
    if (p->done) {
        reply_free(&p->reply);
        p->done = false;
    }
    while (step == REPLY_MORE && *used_r < in.len) {
        struct slice rest = slice_from(in, *used_r);
        size_t end = slice_find(rest, '\n');
        bool whole = end < rest.len;
        step = whole ? end_line(p, slice_head(rest, end)) : keep_part(p, rest);
        *used_r += end + whole;
    }
    return step;
}

int reply_parser_code_so_far(const struct reply_parser *p)
{
    struct slice line = buf_view(&p->line);
    if (p->done || p->bad)
        return 0;
    if (p->reply.lines)
        return p->reply.code;
    if (line.len < CODE_LEN || !code_may_be(line))
        return 0;
    return code_of(line);
}
