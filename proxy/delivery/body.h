/* The message's octets on their way to the upstream. They are inspected and rewritten (rewrite.h),
 * and passed on as fast as the upstream takes them. For a replay they are kept, or read again from
 * their source. */
#ifndef DELIVERY_BODY_H
#define DELIVERY_BODY_H

#include "delivery/state.h"

/* Call this before the first octets. Decides what is rewritten for this account. */
void body_begin(struct delivery *d);
/* Takes octets of the message. Returns false if the message must not go on. Then its delivery has
 * ended. */
bool body_feed(struct delivery *d, struct slice octets) MUST_USE;
/* No octet follows. */
void body_end(struct delivery *d);
/* Call this in BACK_BODY. Gives the session the octets that it takes, and the end of data once all
 * octets are there. */
void body_pump(struct delivery *d);

#endif
