/* "Existing headers keep order and bytes": what fix_headers may do to a message, read without the
 * product's own header code. */
#include <stdlib.h>
#include <string.h>

#include "sim_history.h"

enum missing { MISSES_DATE = 1, MISSES_ID = 2, MISSES_FROM = 4 };

static const struct {
    const char *name;
    unsigned bit;
} fields[] = {{"Date", MISSES_DATE}, {"Message-ID", MISSES_ID}, {"From", MISSES_FROM}};

/* Octets of the line with its CRLF. */
static size_t line_len(struct slice text, size_t at)
{
    const char *end = memchr(text.data + at, '\n', text.len - at);
    return end ? (size_t)(end - (text.data + at)) + 1 : text.len - at;
}

/* Octets of the name in front of the line's colon; 0: the line is no field. */
static size_t name_len(const char *line, size_t n)
{
    size_t name = 0;
    while (name < n && line[name] > 32 && line[name] < 127 && line[name] != ':')
        name++;
    size_t colon = name;
    while (colon < n && (line[colon] == ' ' || line[colon] == '\t'))
        colon++;
    return colon < n && line[colon] == ':' ? name : 0;
}

static unsigned bit_of(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strlen(fields[i].name) == n && strncasecmp(fields[i].name, name, n) == 0)
            return fields[i].bit;
    return 0;
}

/* Where the header ends: at its blank line, or at the first line that is none of it. */
static size_t header_end(struct slice text, unsigned *missing_r, bool *has_blank_r)
{
    size_t at = 0;
    *missing_r = MISSES_DATE | MISSES_ID | MISSES_FROM;
    *has_blank_r = false;
    while (at < text.len) {
        size_t n = line_len(text, at), name = name_len(text.data + at, n);
        bool folded = at > 0 && (text.data[at] == ' ' || text.data[at] == '\t');
        *has_blank_r = n == 2;
        if (n == 2 || (name == 0 && !folded))
            break;
        if (!folded)
            *missing_r &= ~bit_of(text.data + at, name);
        at += n;
    }
    return at;
}

const char *sim_judge_body(struct slice sent, struct slice got)
{
    unsigned missing;
    bool has_blank;
    size_t end = header_end(sent, &missing, &has_blank), rest = sent.len - end, at = end;
    if (got.len < sent.len)
        return "its body is truncated";
    if (memcmp(got.data, sent.data, end) != 0)
        return "its header is altered";
    if (rest > 0 && memcmp(got.data + got.len - rest, sent.data + end, rest) != 0)
        return "what stands below its header is altered";
    size_t until = got.len - rest;
    while (at < until) {
        size_t n = line_len(got, at), name = name_len(got.data + at, n);
        unsigned bit = bit_of(got.data + at, name);
        /* the blank line that it lacked */
        if (n == 2 && !has_blank && at + n == until) {
            has_blank = true;
        } else if (!(missing & bit)) {
            return "a line was added that is none of those that its header lacks";
        }
        missing &= ~bit;
        at += n;
    }
    if (missing)
        return "its header still lacks Date, Message-ID or From";
    /* complete as it was, and RFC 5322 2.1 lets a message end there */
    bool is_header_alone = rest == 0 && got.len == sent.len;
    return has_blank || is_header_alone ? NULL : "it has no blank line behind its header";
}
