/* A byte queue with a cap: bytes go in at the end and out at the front. Memory is allocated with
 * the first byte and freed when the queue is empty, so that an idle session costs nothing. A zeroed
 * struct is valid after buf_init, and it is valid again after buf_free. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>

#include "base/attr.h"
#include "base/slice.h"

struct buf {
    char *data;
    /* The offset of the first byte of the queue. */
    size_t head;
    /* The number of bytes in the queue. */
    size_t len;
    /* The number of bytes allocated. */
    size_t size;
    /* The field `len` never exceeds this. */
    size_t cap;
};

/* Borrows, until the next change. */
static inline struct slice buf_view(const struct buf *b)
{
    return slice_make(b->len ? b->data + b->head : NULL, b->len);
}

/* Returns how many bytes still fit under the cap. */
static inline size_t buf_room(const struct buf *b)
{
    return b->cap - b->len;
}

void buf_init(struct buf *b, size_t cap);
void buf_free(struct buf *b);
/* Overwrites the bytes, then does what buf_free does. It is for secrets. */
void buf_wipe(struct buf *b);
/* Appends all or nothing. Returns false beyond the cap. */
bool buf_append(struct buf *b, const void *data, size_t n) MUST_USE;
bool buf_append_slice(struct buf *b, struct slice s) MUST_USE;
bool buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_USE;
bool buf_vprintf(struct buf *b, const char *fmt, va_list args) MUST_USE;
/* Borrows room for at most `want` bytes, to be filled and then committed. *got_r may be 0 at the
 * cap. */
char *buf_space(struct buf *b, size_t want, size_t *got_r);
/* Gives an empty queue memory for n bytes, and for `front` bytes more that buf_prepend adds. */
void buf_reserve(struct buf *b, size_t front, size_t n);
/* Puts bytes before the first one, all or nothing. It is cheap where room was reserved or consumed.
 * Returns false beyond the cap. */
bool buf_prepend(struct buf *b, const void *data, size_t n) MUST_USE;
/* Appends all of `from`, which is empty afterwards, or nothing. If `to` is empty, the memory
 * changes hands and nothing is copied. Returns false beyond the cap. */
bool buf_move(struct buf *to, struct buf *from) MUST_USE;
/* Says that n bytes of the space were filled. */
void buf_commit(struct buf *b, size_t n);
/* Drops n bytes at the front. Frees the memory when nothing is left. */
void buf_consume(struct buf *b, size_t n);
void buf_clear(struct buf *b);

#endif
