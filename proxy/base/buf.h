/* A byte queue with a cap: bytes go in at the end and out at the front. Memory comes with the first
 * byte and goes back when the queue is empty, so that an idle session costs nothing.
 * Zero-initialised plus buf_init is valid; buf_free leaves it valid too. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>

#include "base/attr.h"
#include "base/slice.h"

struct buf {
    char *data;
    /* offset of the first byte that is still there */
    size_t head;
    /* bytes still there */
    size_t len;
    /* bytes allocated */
    size_t size;
    /* len never exceeds this */
    size_t cap;
};

/* Borrows; until the next change. */
static inline struct slice buf_view(const struct buf *b)
{
    return slice_make(b->len ? b->data + b->head : NULL, b->len);
}

/* Bytes that still fit under the cap. */
static inline size_t buf_room(const struct buf *b)
{
    return b->cap - b->len;
}

void buf_init(struct buf *b, size_t cap);
void buf_free(struct buf *b);
/* buf_free, but the bytes are overwritten first: for secrets */
void buf_wipe(struct buf *b);
/* all or nothing: false beyond the cap */
bool buf_append(struct buf *b, const void *data, size_t n) MUST_USE;
bool buf_append_slice(struct buf *b, struct slice s) MUST_USE;
bool buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_USE;
bool buf_vprintf(struct buf *b, const char *fmt, va_list args) MUST_USE;
/* room for `want` bytes at most, to be filled and then committed; *got_r may be 0 at the cap */
char *buf_space(struct buf *b, size_t want, size_t *got_r);
/* an empty one gets memory for n bytes, and for `front` bytes more that buf_prepend adds */
void buf_reserve(struct buf *b, size_t front, size_t n);
/* before the first; cheap where room was reserved or consumed. All or nothing */
bool buf_prepend(struct buf *b, const void *data, size_t n) MUST_USE;
/* appends all of `from`, which is empty then; where `to` is empty its memory changes hands. All or
 * nothing */
bool buf_move(struct buf *to, struct buf *from) MUST_USE;
/* n bytes of the space were filled */
void buf_commit(struct buf *b, size_t n);
/* drops n bytes at the front; gives memory back when nothing is left */
void buf_consume(struct buf *b, size_t n);
void buf_clear(struct buf *b);

#endif
