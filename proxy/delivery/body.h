/* The message's octets on their way to the upstream: looked at, rewritten (rewrite.h), kept for a
 * replay or read again from their source, given on as fast as the upstream takes them. */
#ifndef DELIVERY_BODY_H
#define DELIVERY_BODY_H

#include "delivery/state.h"

/* The first octets are about to come: what is rewritten is decided now, for this account. */
void body_begin(struct delivery *d);
/* Octets that came. false: the message must not go on, and its delivery has ended. */
bool body_feed(struct delivery *d, struct slice octets) MUST_USE;
/* No octet follows. */
void body_end(struct delivery *d);
/* BACK_BODY: gives the session what it takes, and the end when all is there. */
void body_pump(struct delivery *d);

#endif
