/* The counting reader beneath inih: hands it only lines that it cannot misread. */
#include "config/reader.h"

#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"

struct reader {
    struct slice rest;
    /* of the line that inih has now; inih counts the same */
    int line;
    const struct reader_events *events;
    void *ctx;
};

static void wrong(struct reader *r, struct slice name, const char *words)
{
    r->events->wrong(r->ctx, r->line, name, words);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Where inih sees a comment begin behind other text: a ';' after a blank. The line's length if
 * nowhere. */
static size_t find_comment(struct slice s)
{
    for (size_t i = 1; i < s.len; i++)
        if (s.data[i] == ';' && is_blank(s.data[i - 1]))
            return i;
    return s.len;
}

static struct slice next_line(struct reader *r)
{
    size_t end = slice_find(r->rest, '\n');
    struct slice line = slice_head(r->rest, end);
    r->rest = slice_from(r->rest, end + 1);
    r->line++;
    if (r->line == 1 && slice_starts(line, "\xEF\xBB\xBF"))
        line = slice_from(line, 3);
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    return line;
}

static void take_header(struct reader *r, struct slice line)
{
    size_t close = slice_find(line, ']');
    if (find_comment(line) < close || close == line.len) {
        wrong(r, slice_of(""),
              "a section header without \"]\"; allowed: [SECTION] or [SECTION NAME]");
        r->events->lost(r->ctx);
        return;
    }
    struct slice after = slice_trim(slice_from(line, close + 1));
    if (after.len && after.data[0] != ';' && after.data[0] != '#')
        wrong(r, slice_of(""), "text after a section header; the key stands on the next line");
    r->events->header(r->ctx, r->line, slice_trim(slice_make(line.data + 1, close - 1)));
}

/* Whether inih may have this line, which is neither empty nor a comment nor a header. No part of a
 * line that is not KEY = VALUE is shown: it may be the rest of a password. */
static bool pair_is_sound(struct reader *r, struct slice line)
{
    struct slice none = slice_of("");
    size_t equals = slice_find(line, '='), colon = slice_find(line, ':'),
           comment = find_comment(line);
    if (equals == line.len || comment < equals) {
        wrong(r, none,
              "no \"=\" on this line; allowed: KEY = VALUE, [SECTION], and comments after \";\" or "
              "\"#\"");
        return false;
    }
    if (colon < equals) {
        wrong(r, none, "\":\" before the \"=\"; allowed: KEY = VALUE");
        return false;
    }
    struct slice name = slice_trim(slice_head(line, equals));
    if (name.len == 0 || slice_find(name, ' ') < name.len || slice_find(name, '\t') < name.len) {
        wrong(r, none,
              name.len ? "more than one word before the \"=\"; allowed: KEY = VALUE"
                       : "no key before the \"=\"; allowed: KEY = VALUE");
        return false;
    }
    if (comment < line.len && r->events->is_secret(r->ctx, name)) {
        wrong(r, name,
              "\" ;\" begins a comment and would cut the secret off; keep it in a file of its own, "
              "or write %3B in a URL");
        return false;
    }
    return true;
}

static bool has_control(struct slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (ascii_is_control(line.data[i]) && line.data[i] != '\t')
            return true;
    return false;
}

/* What inih gets for a line of the file: the line itself, or nothing. */
static struct slice judge_line(struct reader *r, struct slice line, size_t max)
{
    struct slice bare = slice_trim(line), none = slice_of("");
    char words[96];
    if (bare.len == 0 || bare.data[0] == ';' || bare.data[0] == '#')
        return none;
    if (line.len > max) {
        snprintf(words, sizeof words, "the line is too long: %zu octets, allowed are %zu", line.len,
                 max);
        wrong(r, none, words);
        if (line.data[0] == '[')
            r->events->lost(r->ctx);
        return none;
    }
    if (has_control(line)) {
        wrong(r, none, "a control character on this line; allowed: printable text and tabs");
        return none;
    }
    if (bare.data != line.data) {
        wrong(
            r, none,
            "the line is indented, and would continue the one above; a line begins at its margin");
        return none;
    }
    if (line.data[0] == '[') {
        take_header(r, line);
        return none;
    }
    return pair_is_sound(r, line) ? line : none;
}

/* inih's fgets. It is called once for each line and at the end; each time the buffer still holds
 * the line before. */
static char *read_line(char *out, int size, void *stream)
{
    struct reader *r = stream;
    secret_erase(out, (size_t)size);
    if (r->rest.len == 0)
        return NULL;
    struct slice line = next_line(r);
    /* a newline and a NUL follow */
    line = judge_line(r, line, (size_t)size - 2);
    if (line.len)
        memcpy(out, line.data, line.len);
    out[line.len] = '\n';
    out[line.len + 1] = 0;
    return out;
}

static int take_pair(void *user, const char *section, const char *name, const char *value)
{
    struct reader *r = user;
    /* cut at 49 octets by inih; the headers were seen by read_line */
    (void)section;
    r->events->pair(r->ctx, r->line, name, value);
    return 1;
}

void reader_run(struct slice text, const struct reader_events *events, void *ctx)
{
    struct reader r = {.rest = text, .events = events, .ctx = ctx};
    int line = ini_parse_stream(read_line, &r, take_pair, &r);
    /* never seen: every line was judged before */
    if (line != 0) {
        r.line = line > 0 ? line : 0;
        wrong(&r, slice_of(""),
              line > 0 ? "this line cannot be read; allowed: KEY = VALUE" : "out of memory");
    }
}
