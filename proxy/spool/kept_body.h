/* The body of a message that is open in the store, as a delivery reads it. One chunk is in memory,
 * and the next is read when it is asked for. The end comes only when the checksum agrees and the
 * history says that the end of data is sent. */
#ifndef SPOOL_KEPT_BODY_H
#define SPOOL_KEPT_BODY_H

#include "delivery/source.h"
#include "spool/store.h"

struct kept_body {
    struct store_message *message;
    struct body_source source;
    struct buf chunk;
    /* Where the chunk begins, and where the next read begins. */
    uint64_t start, position;
    /* A call to the store is in progress, so the message must not be closed. */
    bool is_busy;
    bool has_ended, is_torn;
    /* The end of data is in the log, or the disk could not take it. */
    bool has_dot;
    /* Something has changed. Call delivery_go_on, or end the try. */
    void (*changed)(void *ctx);
    void *ctx;
};

/* Borrows message. `changed` comes from the loop. */
void kept_body_init(struct kept_body *b, struct store_message *message, void (*changed)(void *ctx),
                    void *ctx);
/* It must not be busy. */
void kept_body_free(struct kept_body *b);

#endif
