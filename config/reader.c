/* The counting reader beneath inih. It passes inih only lines that inih cannot misread, in pieces
 * if a line is longer than inih can hold. To inih, the second piece and those after it are indented
 * lines, which continue a key. Each piece of a divided line ends in a mark, and each but the first
 * begins with one, so that inih finds neither blanks to trim nor a comment. */
#include "config/reader.h"

#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "base/secret.h"

#define MARK '|'

/* The kind of thing that an indented line would continue. */
enum above { ABOVE_NOTHING, ABOVE_WRONG, ABOVE_ONE_LINE, ABOVE_LIST, ABOVE_LIST_OF_PAIRS };

struct reader {
    struct slice rest;
    int line;
    const struct reader_events *events;
    void *ctx;
    enum above above;
    /* The part of the line that inih does not have yet. */
    struct slice left;
    /* The current piece begins or ends with a mark. */
    bool marked_before, marked_behind;
    /* The key that is being read, with the part of its value that inih has split off so far. */
    bool has_key;
    int key_line;
    char *name, *value;
    size_t value_len, room;
};

static void wrong(struct reader *r, struct slice name, const char *words)
{
    r->events->wrong(r->ctx, r->line, name, words);
}

/* ---- the key that is being read ---- */

static void key_begin(struct reader *r, const char *name)
{
    r->has_key = true;
    r->key_line = r->line;
    r->name = mem_string(name);
    r->value_len = 0;
}

/* There is room for every octet of the file, and for a blank between any two lines. */
static void key_add(struct reader *r, struct slice part)
{
    if (part.len > r->room - r->value_len)
        abort();
    memcpy(r->value + r->value_len, part.data, part.len);
    r->value_len += part.len;
}

static void key_end(struct reader *r)
{
    if (!r->has_key)
        return;
    struct slice whole = slice_trim(slice_make(r->value, r->value_len));
    char *value = slice_string(whole);
    r->events->pair(r->ctx, r->key_line, r->name, value);
    secret_erase(value, whole.len);
    free(value);
    secret_erase(r->value, r->value_len);
    free(r->name);
    r->has_key = false;
    r->name = NULL;
}

/* ---- lines ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Returns where inih sees a comment begin behind other text: at a ';' after a blank. Returns the
 * line's length if there is none. */
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
    key_end(r);
    r->above = ABOVE_NOTHING;
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

static bool secret_is_sound(struct reader *r, struct slice line, struct slice name)
{
    if (find_comment(line) == line.len)
        return true;
    wrong(r, name,
          "\" ;\" begins a comment and would cut the secret off; keep it in a file of its own, or "
          "write %3B in a URL");
    return false;
}

/* Returns the part of this line that inih may have. The line is neither empty nor a comment nor a
 * header. No message shows a part of a line that is not KEY = VALUE, because it may be the rest of
 * a password. */
static struct slice take_pair_line(struct reader *r, struct slice line)
{
    static const enum above above[] = {[SHAPE_UNKNOWN] = ABOVE_WRONG,
                                       [SHAPE_ONE_LINE] = ABOVE_ONE_LINE,
                                       [SHAPE_SECRET] = ABOVE_ONE_LINE,
                                       [SHAPE_LIST] = ABOVE_LIST,
                                       [SHAPE_LIST_OF_PAIRS] = ABOVE_LIST_OF_PAIRS};
    struct slice none = slice_of("");
    size_t equals = slice_find(line, '='), colon = slice_find(line, ':');
    size_t comment = find_comment(line);
    key_end(r);
    r->above = ABOVE_WRONG;
    if (equals == line.len || comment < equals) {
        wrong(r, none,
              "no \"=\" on this line; allowed: KEY = VALUE, [SECTION], and comments after \";\" or "
              "\"#\"");
        return none;
    }
    if (colon < equals) {
        wrong(r, none, "\":\" before the \"=\"; allowed: KEY = VALUE");
        return none;
    }
    struct slice name = slice_trim(slice_head(line, equals));
    if (name.len == 0 || slice_find(name, ' ') < name.len || slice_find(name, '\t') < name.len) {
        wrong(r, none,
              name.len ? "more than one word before the \"=\"; allowed: KEY = VALUE"
                       : "no key before the \"=\"; allowed: KEY = VALUE");
        return none;
    }
    if (equals > CAP_CONFIG_KEY) {
        wrong(r, none, "the key is too long");
        return none;
    }
    enum key_shape shape = r->events->shape(r->ctx, name);
    if (shape == SHAPE_SECRET && !secret_is_sound(r, line, name))
        return none;
    r->above = above[shape];
    return slice_head(line, comment);
}

/* Keys are often indented by habit. Such a key must not become part of the list above it. */
static bool looks_like_pair(const struct reader *r, struct slice bare)
{
    size_t equals = slice_find(bare, '=');
    struct slice before = slice_head(bare, equals), after = slice_from(bare, equals + 1);
    if (equals == bare.len)
        return false;
    if (before.len == 0 || after.len == 0)
        return true;
    if (is_blank(before.data[before.len - 1]) || is_blank(after.data[0]))
        return true;
    return r->above != ABOVE_LIST_OF_PAIRS && r->events->shape(r->ctx, before) != SHAPE_UNKNOWN;
}

/* Returns the part of an indented line that inih may have. */
static struct slice take_continuation(struct reader *r, struct slice line)
{
    struct slice none = slice_of(""), bare = slice_trim(slice_head(line, find_comment(line)));
    switch (r->above) {
    case ABOVE_WRONG: return none;
    case ABOVE_NOTHING:
        wrong(r, none,
              "the line is indented, and there is no list above it that it could continue; a line "
              "begins at its margin");
        return none;
    case ABOVE_ONE_LINE:
        wrong(r, none,
              "the line is indented, and the key above it is no list that it could continue; a "
              "line begins at its margin");
        return none;
    case ABOVE_LIST:
    case ABOVE_LIST_OF_PAIRS: break;
    }
    if (!looks_like_pair(r, bare)) {
        key_add(r, slice_of(" "));
        return bare;
    }
    wrong(r, none,
          "the line is indented, and would continue the list above it; a KEY = VALUE begins at its "
          "margin");
    return none;
}

static bool has_control(struct slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (ascii_is_control(line.data[i]) && line.data[i] != '\t')
            return true;
    return false;
}

/* Returns the part of a line of the file that inih gets, which may be empty. */
static struct slice judge_line(struct reader *r, struct slice line)
{
    struct slice bare = slice_trim(line), none = slice_of("");
    char words[96];
    if (bare.len == 0 || bare.data[0] == ';' || bare.data[0] == '#')
        return none;
    bool indented = bare.data != line.data;
    if (line.len > CAP_CONFIG_LINE) {
        snprintf(words, sizeof words, "the line is too long: %zu octets, allowed are %d", line.len,
                 CAP_CONFIG_LINE);
        wrong(r, none, words);
    } else if (has_control(line)) {
        wrong(r, none, "a control character on this line; allowed: printable text and tabs");
    } else if (indented) {
        return take_continuation(r, line);
    } else if (line.data[0] == '[') {
        take_header(r, line);
        return none;
    } else {
        return take_pair_line(r, line);
    }
    if (!indented) {
        key_end(r);
        r->above = ABOVE_WRONG;
        if (line.len > CAP_CONFIG_LINE && line.data[0] == '[')
            r->events->lost(r->ctx);
    }
    return none;
}

/* ---- inih's side ---- */

/* Writes the next piece of the current line. `size` is as in fgets. */
static void put_piece(struct reader *r, char *out, size_t size, bool is_first, bool is_continuation)
{
    /* A newline and a NUL follow. */
    size_t n = 0, room = size - 2;
    r->marked_before = !is_first || is_continuation;
    if (r->marked_before) {
        out[n++] = ' ';
        out[n++] = MARK;
    }
    r->marked_behind = r->marked_before || r->left.len > room;
    size_t part = room - n - (r->marked_behind ? 1 : 0);
    part = part < r->left.len ? part : r->left.len;
    memcpy(out + n, r->left.data, part);
    n += part;
    r->left = slice_from(r->left, part);
    if (r->marked_behind)
        out[n++] = MARK;
    out[n++] = '\n';
    out[n] = 0;
}

/* Replaces fgets for inih. It is called once for each piece and at the end. Each time the buffer
 * still holds the previous piece. */
static char *read_line(char *out, int size, void *stream)
{
    struct reader *r = stream;
    secret_erase(out, (size_t)size);
    if (r->left.len) {
        put_piece(r, out, (size_t)size, false, false);
        return out;
    }
    if (r->rest.len == 0) {
        key_end(r);
        return NULL;
    }
    struct slice line = next_line(r);
    r->left = judge_line(r, line);
    if (r->left.len)
        put_piece(r, out, (size_t)size, true, r->left.data != line.data);
    else
        strcpy(out, "\n");
    return out;
}

static int take_pair(void *user, const char *section, const char *name, const char *value)
{
    struct reader *r = user;
    struct slice part = slice_of(value);
    /* The library inih cuts the section's name at 49 octets. The function read_line has seen the
     * headers. */
    (void)section;
    if (!r->marked_before)
        key_begin(r, name);
    else
        part = slice_from(part, 1);
    if (r->marked_behind)
        part = slice_head(part, part.len ? part.len - 1 : 0);
    key_add(r, part);
    return 1;
}

void reader_run(struct slice text, const struct reader_events *events, void *ctx)
{
    struct reader r = {.rest = text, .events = events, .ctx = ctx, .room = 2 * text.len};
    r.value = mem_alloc(r.room);
    int line = ini_parse_stream(read_line, &r, take_pair, &r);
    key_end(&r);
    free(r.value);
    /* This never happens, because every line was judged before. */
    if (line != 0)
        wrong(&r, slice_of(""),
              line > 0 ? "this line cannot be read; allowed: KEY = VALUE" : "out of memory");
}
