/* The source of a body that is complete before it is delivered: octets in memory, or anything that
 * can be read again from any place. A replay reads it again, so that no copy is kept. */
#ifndef DELIVERY_SOURCE_H
#define DELIVERY_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum source_state {
    SOURCE_OCTETS,
    /* There are none now. delivery_go_on is called when there are. */
    SOURCE_LATER,
    /* The message ends at `offset`. */
    SOURCE_END,
    /* The message is damaged or cannot be read. Its end of data is never given to a session, and
     * the delivery ends with OWN_TORN. */
    SOURCE_TORN,
};

struct body_source {
    /* Lends the octets of the message from `offset` on, as many as are in memory, until the next
     * call. Every line has its CRLF. */
    enum source_state (*next)(void *ctx, uint64_t offset, struct slice *octets_r);
    /* Is asked when the session has taken every octet, before it gets the end of data. That is sent
     * only after true. After false, delivery_go_on is called when the answer has changed. It is
     * asked once more for each session. NULL means that the message may end. */
    bool (*may_end)(void *ctx);
    void *ctx;
};

/* A source of octets in memory. Keeps the pointer and borrows what it points to. */
struct body_source source_of_slice(struct slice *octets);

#endif
