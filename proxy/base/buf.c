#include "base/buf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"

enum { SMALLEST = 256 };

void buf_init(struct buf *b, size_t cap)
{
    *b = (struct buf){.cap = cap};
}

void buf_free(struct buf *b)
{
    free(b->data);
    buf_init(b, b->cap);
}

void buf_wipe(struct buf *b)
{
    if (b->data)
        secret_erase(b->data, b->size);
    buf_free(b);
}

/* Makes `n` more bytes fit behind the last one. Moves the bytes to the front before it asks for
 * more memory. */
static void make_room(struct buf *b, size_t n)
{
    if (b->size - b->head - b->len >= n)
        return;
    if (b->head && b->size - b->len >= n && b->head >= b->len) {
        memmove(b->data, b->data + b->head, b->len);
        b->head = 0;
        return;
    }
    size_t size = b->size ? b->size : SMALLEST;
    while (size < b->len + n)
        size *= 2;
    if (b->head) {
        char *data = mem_resize(NULL, size);
        memcpy(data, b->data + b->head, b->len);
        free(b->data);
        b->data = data;
        b->head = 0;
    } else {
        /* The C library moves a large block without copying it. */
        b->data = mem_resize(b->data, size);
    }
    b->size = size;
}

bool buf_append(struct buf *b, const void *data, size_t n)
{
    if (n > buf_room(b))
        return false;
    if (n == 0)
        return true;
    make_room(b, n);
    memcpy(b->data + b->head + b->len, data, n);
    b->len += n;
    return true;
}

bool buf_append_slice(struct buf *b, struct slice s)
{
    return buf_append(b, s.data, s.len);
}

bool buf_vprintf(struct buf *b, const char *fmt, va_list args)
{
    char small[512];
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, fmt, args);
    bool ok = n >= 0;
    if (ok && (size_t)n < sizeof small) {
        ok = buf_append(b, small, (size_t)n);
    } else if (ok && (ok = (size_t)n <= buf_room(b))) {
        char *large = mem_alloc((size_t)n + 1);
        vsnprintf(large, (size_t)n + 1, fmt, again);
        ok = buf_append(b, large, (size_t)n);
        free(large);
    }
    va_end(again);
    return ok;
}

bool buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    bool ok = buf_vprintf(b, fmt, args);
    va_end(args);
    return ok;
}

char *buf_space(struct buf *b, size_t want, size_t *got_r)
{
    size_t room = buf_room(b);
    *got_r = want < room ? want : room;
    if (*got_r)
        make_room(b, *got_r);
    return b->data ? b->data + b->head + b->len : NULL;
}

void buf_reserve(struct buf *b, size_t front, size_t n)
{
    assert(b->len == 0);
    buf_free(b);
    b->size = front + n;
    b->data = mem_resize(NULL, b->size);
    b->head = front;
}

bool buf_prepend(struct buf *b, const void *data, size_t n)
{
    if (n > buf_room(b))
        return false;
    if (n == 0)
        return true;
    if (b->head >= n) {
        b->head -= n;
    } else {
        make_room(b, n);
        memmove(b->data + b->head + n, b->data + b->head, b->len);
    }
    memcpy(b->data + b->head, data, n);
    b->len += n;
    return true;
}

bool buf_move(struct buf *to, struct buf *from)
{
    if (to->len || from->len > to->cap) {
        if (!buf_append_slice(to, buf_view(from)))
            return false;
        buf_free(from);
        return true;
    }
    size_t cap = to->cap;
    buf_free(to);
    *to = *from;
    to->cap = cap;
    buf_init(from, from->cap);
    return true;
}

void buf_commit(struct buf *b, size_t n)
{
    assert(n <= b->size - b->head - b->len);
    b->len += n;
}

void buf_consume(struct buf *b, size_t n)
{
    assert(n <= b->len);
    b->head += n;
    b->len -= n;
    if (b->len == 0)
        buf_free(b);
}

void buf_clear(struct buf *b)
{
    buf_free(b);
}
