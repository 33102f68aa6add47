/* The body of a message that is open in the store, as a delivery reads it: one chunk at hand, the
 * next read when it is asked for, and no end before the checksum agrees and the history says that
 * the end goes out. */
#ifndef SPOOL_KEPT_BODY_H
#define SPOOL_KEPT_BODY_H

#include "delivery/source.h"
#include "spool/store.h"

struct kept_body {
    struct store_message *message;
    struct body_source source;
    struct buf chunk;
    /* where the chunk begins, and where the next read does */
    uint64_t start, position;
    /* a call to the store is under way: the message must not be closed */
    bool is_busy;
    bool has_ended, is_torn;
    /* the end of data was written down, or the disk could not take it */
    bool has_dot;
    /* something has changed: delivery_go_on, or the end of the try */
    void (*changed)(void *ctx);
    void *ctx;
};

/* Borrows message; `changed` comes from the loop. */
void kept_body_init(struct kept_body *b, struct store_message *message, void (*changed)(void *ctx),
                    void *ctx);
/* While it is not busy. */
void kept_body_free(struct kept_body *b);

#endif
