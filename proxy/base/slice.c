#include "base/slice.h"

#include <string.h>

#include "base/mem.h"

struct slice slice_of(const char *text)
{
    return (struct slice){text ? text : "", text ? strlen(text) : 0};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
    while (s.len && is_blank(s.data[0]))
        s = slice_from(s, 1);
    while (s.len && is_blank(s.data[s.len - 1]))
        s.len--;
    return s;
}

bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool slice_is(struct slice s, const char *text)
{
    return slice_equal(s, slice_of(text));
}

static bool equal_fold(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (ascii_lower(a[i]) != ascii_lower(b[i]))
            return false;
    return true;
}

bool slice_is_word(struct slice s, const char *word)
{
    return s.len == strlen(word) && equal_fold(s.data, word, s.len);
}

bool slice_starts(struct slice s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.len >= n && equal_fold(s.data, prefix, n);
}

size_t slice_find(struct slice s, char c)
{
    const char *at = s.len ? memchr(s.data, c, s.len) : NULL;
    return at ? (size_t)(at - s.data) : s.len;
}

char *slice_string(struct slice s)
{
    return mem_copy(s.data, s.len);
}

char *slice_write(struct slice s, char *out, size_t size)
{
    size_t n = s.len < size ? s.len : size - 1;
    memcpy(out, s.data, n);
    out[n] = 0;
    return out;
}

char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool ascii_is_alpha(char c)
{
    char low = ascii_lower(c);
    return low >= 'a' && low <= 'z';
}

bool ascii_is_control(char c)
{
    return (unsigned char)c < 32 || (unsigned char)c == 127;
}

bool ascii_equal_fold(const char *a, const char *b)
{
    return slice_is_word(slice_of(a), b);
}
