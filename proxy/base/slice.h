/* A slice borrows bytes that somebody else owns. It is never NUL-terminated by promise. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>

struct slice {
    const char *data;
    size_t len;
};

/* borrows a C string; NULL gives the empty slice */
struct slice slice_of(const char *text);

static inline struct slice slice_make(const void *data, size_t len)
{
    return (struct slice){len ? data : "", len};
}

/* What is left after `offset` bytes (empty beyond the end). */
static inline struct slice slice_from(struct slice s, size_t offset)
{
    return offset < s.len ? slice_make(s.data + offset, s.len - offset) : slice_make(NULL, 0);
}

/* The first `len` bytes at most. */
static inline struct slice slice_head(struct slice s, size_t len)
{
    return slice_make(s.data, len < s.len ? len : s.len);
}

/* without blanks and tabs at both ends */
struct slice slice_trim(struct slice s);
bool slice_equal(struct slice a, struct slice b);
/* same bytes */
bool slice_is(struct slice s, const char *text);
/* same but for ASCII case */
bool slice_is_word(struct slice s, const char *word);
/* ASCII case ignored */
bool slice_starts(struct slice s, const char *prefix);
/* index, or s.len */
size_t slice_find(struct slice s, char c);
/* gives a C string */
char *slice_string(struct slice s);

/* ASCII only, whatever the locale: peers do not speak our locale. */
char ascii_lower(char c);
bool ascii_is_digit(char c);
bool ascii_is_alpha(char c);
/* 0..31 and 127 */
bool ascii_is_control(char c);
/* C strings, ASCII case ignored */
bool ascii_equal_fold(const char *a, const char *b);

#endif
