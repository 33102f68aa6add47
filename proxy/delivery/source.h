/* Where the body of a message comes from that is all there before it is delivered: octets in
 * memory, or whatever can be read again from any place. A replay reads it anew, so that no copy is
 * kept. */
#ifndef DELIVERY_SOURCE_H
#define DELIVERY_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum source_state {
    SOURCE_OCTETS,
    /* There are none just now: delivery_go_on is called when there are. */
    SOURCE_LATER,
    /* `offset` is the end of the message. */
    SOURCE_END,
    /* What was read is not the message, or can't be read on: its end of data is never given to a
     * session, and the delivery ends with OWN_TORN. */
    SOURCE_TORN,
};

struct body_source {
    /* The octets of the message from `offset` on, as many as there are at hand, every line with its
     * CRLF. Lends them until the next call. */
    enum source_state (*next)(void *ctx, uint64_t offset, struct slice *octets_r);
    /* Asked when the session has taken every octet, and before it gets the end of data, which goes
     * out only after true. After false delivery_go_on is called when the answer has changed. Each
     * session asks anew. NULL: it may. */
    bool (*may_end)(void *ctx);
    void *ctx;
};

/* Octets in memory. Keeps the pointer and borrows what it points to. */
struct body_source source_of_slice(struct slice *octets);

#endif
