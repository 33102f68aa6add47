#include "spool/kept_body.h"

#include <stdlib.h>

#include "base/caps.h"

static void on_octets(void *arg, enum store_read what, struct slice octets, const struct err *err)
{
    struct kept_body *b = arg;
    (void)err;
    b->is_busy = false;
    buf_clear(&b->chunk);
    switch (what) {
    case STORE_OCTETS:
        b->start = b->position;
        b->position += octets.len;
        if (!buf_append_slice(&b->chunk, octets))
            abort();
        break;
    case STORE_END: b->has_ended = true; break;
    case STORE_DAMAGED:
    case STORE_READ_FAILED: b->is_torn = true; break;
    }
    b->changed(b->ctx);
}

static enum source_state next(void *ctx, uint64_t offset, struct slice *octets_r)
{
    struct kept_body *b = ctx;
    if (b->is_torn)
        return SOURCE_TORN;
    if (b->chunk.len && offset >= b->start && offset < b->position) {
        *octets_r = slice_from(buf_view(&b->chunk), (size_t)(offset - b->start));
        return SOURCE_OCTETS;
    }
    if (b->is_busy)
        return SOURCE_LATER;
    if (b->has_ended && offset == b->position)
        return SOURCE_END;
    if (offset != b->position) {
        /* This is another session, so the body is read from its first octet again. */
        store_message_rewind(b->message);
        b->start = b->position = 0;
        b->has_ended = false;
        buf_clear(&b->chunk);
    }
    b->is_busy = true;
    store_message_read(b->message, on_octets, b);
    return SOURCE_LATER;
}

/* An error does not stop the sending, because a full disk must be able to drain. */
static void on_dot(void *arg, const struct err *err)
{
    struct kept_body *b = arg;
    (void)err;
    b->is_busy = false;
    b->has_dot = true;
    b->changed(b->ctx);
}

static bool may_end(void *ctx)
{
    struct kept_body *b = ctx;
    if (b->has_dot || b->is_busy)
        return b->has_dot;
    b->is_busy = true;
    store_message_dot(b->message, on_dot, b);
    return false;
}

void kept_body_init(struct kept_body *b, struct store_message *message, void (*changed)(void *ctx),
                    void *ctx)
{
    *b = (struct kept_body){.message = message, .changed = changed, .ctx = ctx};
    b->source = (struct body_source){.next = next, .may_end = may_end, .ctx = b};
    buf_init(&b->chunk, CAP_DISK_CHUNK);
}

void kept_body_free(struct kept_body *b)
{
    buf_free(&b->chunk);
}
