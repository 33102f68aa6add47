/* A slice borrows bytes that another object owns. Do not expect a NUL behind it. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>

struct slice {
    const char *data;
    size_t len;
};

/* Borrows a C string. NULL gives the empty slice. */
struct slice slice_of(const char *text);

static inline struct slice slice_make(const void *data, size_t len)
{
    return (struct slice){len ? data : "", len};
}

/* Returns the bytes behind the first `offset`, none beyond the end. */
static inline struct slice slice_from(struct slice s, size_t offset)
{
    return offset < s.len ? slice_make(s.data + offset, s.len - offset) : slice_make(NULL, 0);
}

/* Returns at most the first `len` bytes. */
static inline struct slice slice_head(struct slice s, size_t len)
{
    return slice_make(s.data, len < s.len ? len : s.len);
}

/* Returns the slice without blanks and tabs at both ends. */
struct slice slice_trim(struct slice s);
bool slice_equal(struct slice a, struct slice b);
/* Returns whether the bytes are the same. */
bool slice_is(struct slice s, const char *text);
/* Returns whether the bytes are the same. ASCII case is ignored. */
bool slice_is_word(struct slice s, const char *word);
/* Returns whether the slice begins with the prefix. ASCII case is ignored. */
bool slice_starts(struct slice s, const char *prefix);
/* Returns the index of c, or s.len. */
size_t slice_find(struct slice s, char c);
/* Gives a C string. */
char *slice_string(struct slice s);
/* Writes a C string, cut to size - 1 bytes. Returns out. */
char *slice_write(struct slice s, char *out, size_t size);

/* Knows ASCII only, whatever the locale is: peers do not speak our locale. */
char ascii_lower(char c);
bool ascii_is_digit(char c);
bool ascii_is_alpha(char c);
/* Returns true for 0 to 31 and for 127. */
bool ascii_is_control(char c);
/* Compares C strings. ASCII case is ignored. */
bool ascii_equal_fold(const char *a, const char *b);

#endif
