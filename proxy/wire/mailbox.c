#include "wire/mailbox.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice trim(struct slice s)
{
    while (s.len && is_blank(s.data[0]))
        s = slice_from(s, 1);
    while (s.len && is_blank(s.data[s.len - 1]))
        s.len--;
    return s;
}

/* Behind the quoted string that begins at `i`; one that never ends goes to the end. */
static size_t skip_quoted(struct slice s, size_t i)
{
    for (i++; i < s.len && s.data[i] != '"'; i++)
        if (s.data[i] == '\\')
            i++;
    return i < s.len ? i + 1 : s.len;
}

/* The same for a comment: they nest. */
static size_t skip_comment(struct slice s, size_t i)
{
    size_t depth = 0;
    for (; i < s.len; i++) {
        if (s.data[i] == '\\')
            i++;
        else if (s.data[i] == '(')
            depth++;
        else if (s.data[i] == ')' && --depth == 0)
            return i + 1;
    }
    return s.len;
}

/* The same for an address in angle brackets. */
static size_t skip_angle(struct slice s, size_t i)
{
    for (i++; i < s.len && s.data[i] != '>';)
        i = s.data[i] == '"' ? skip_quoted(s, i) : i + 1;
    return i < s.len ? i + 1 : s.len;
}

/* "me@example.com" of "@one,@two:me@example.com". */
static struct slice without_route(struct slice inner)
{
    size_t colon = slice_find(inner, ':');
    return inner.len && inner.data[0] == '@' && colon < inner.len
               ? trim(slice_from(inner, colon + 1))
               : inner;
}

/* of the list, between two commas */
struct element {
    struct slice angle;
    /* the word with an "@" in it, or that ends in a quoted string followed by one */
    struct slice bare;
    bool group;
    size_t end;
};

/* A run of anything but blanks and what has a meaning of its own; quoted strings are parts of
 * it. */
static size_t skip_word(struct slice s, size_t i)
{
    while (i < s.len && !is_blank(s.data[i]) && s.data[i] != '<' && s.data[i] != '(' &&
           s.data[i] != ',' && s.data[i] != ';')
        i = s.data[i] == '"' ? skip_quoted(s, i) : i + 1;
    return i;
}

/* An "@" outside of quotes with something on both sides. */
static bool has_at(struct slice word)
{
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] == '"')
            i = skip_quoted(word, i) - 1;
        else if (word.data[i] == '@' && i > 0 && i + 1 < word.len)
            return true;
    }
    return false;
}

static bool opens_group(struct slice word)
{
    return word.len && word.data[word.len - 1] == ':' && !has_at(word);
}

/* Reads from `i` to the next comma or the end. */
static struct element read_element(struct slice s, size_t i)
{
    struct element e = {.angle = slice_of(""), .bare = slice_of("")};
    while (i < s.len && s.data[i] != ',' && !e.group) {
        size_t from = i;
        if (is_blank(s.data[i]) || s.data[i] == ';') {
            i++;
        } else if (s.data[i] == '(') {
            i = skip_comment(s, i);
        } else if (s.data[i] == '<') {
            i = skip_angle(s, i);
            if (s.data[i - 1] == '>' && !e.angle.len)
                e.angle = slice_head(slice_from(s, from), i - from);
        } else {
            i = skip_word(s, i);
            struct slice word = slice_head(slice_from(s, from), i - from);
            e.group = opens_group(word);
            if (has_at(word))
                e.bare = word;
        }
    }
    e.end = i;
    return e;
}

/* "root (Cron Daemon)": one word of a local part's octets and nothing else but comments. Empty: it
 * is not so. */
static struct slice lone_name(struct slice value)
{
    struct slice name = slice_of("");
    for (size_t i = 0; i < value.len;) {
        size_t from = i;
        if (is_blank(value.data[i])) {
            i++;
            continue;
        }
        if (value.data[i] == '(') {
            i = skip_comment(value, i);
            continue;
        }
        while (i < value.len && (unsigned char)value.data[i] > ' ' &&
               !strchr("()<>@,;:\\\"[]\x7f", value.data[i]))
            i++;
        if (i == from || name.len)
            return slice_of("");
        name = slice_head(slice_from(value, from), i - from);
    }
    return name;
}

static bool read_lone_name(struct slice value, struct first_mailbox *out_r)
{
    struct slice name = lone_name(value);
    if (!name.len)
        return false;
    out_r->address = name;
    out_r->from = (size_t)(name.data - value.data);
    out_r->to = out_r->from + name.len;
    out_r->end = value.len;
    return true;
}

bool first_mailbox_read(struct slice value, struct first_mailbox *out_r)
{
    size_t n = 0;
    *out_r = (struct first_mailbox){.address = slice_of("")};
    for (size_t i = 0; i <= value.len && n < 2;) {
        struct element e = read_element(value, i);
        if (e.group)
            return false;
        if (e.angle.len || e.bare.len) {
            if (n++ == 0) {
                struct slice word = e.angle.len ? e.angle : e.bare;
                size_t bracket = e.angle.len ? 1 : 0;
                out_r->from = (size_t)(word.data - value.data) + bracket;
                out_r->to = out_r->from + word.len - 2 * bracket;
                out_r->end = e.end;
                out_r->address = without_route(
                    trim(slice_head(slice_from(value, out_r->from), out_r->to - out_r->from)));
            }
        }
        i = e.end + 1;
    }
    out_r->several = n > 1;
    /* words without an address may follow */
    if (!out_r->several)
        out_r->end = value.len;
    return n > 0 || read_lone_name(value, out_r);
}
