/* The replay copy of one message's body (PRODUCT 6): kept whole while it is small enough, so that a session that replaces a lost one can be fed again from
 * the start; beyond the caps only what the session has not taken yet. */
#ifndef RELAY_COPY_H
#define RELAY_COPY_H

#include "base/buf.h"
#include "base/slice.h"

struct copy_budget { /* all copies of a relay: CAP_REPLAY_TOTAL octets */
    size_t used;
};

struct copy {
    struct copy_budget *budget;
    struct buf octets;
    size_t fed; /* of these, taken by the session at hand */
    bool whole; /* the octets begin with the body's first */
};

void copy_init(struct copy *c, struct copy_budget *budget); /* borrows the budget */
void copy_free(struct copy *c);
/* Adds octets behind the last. A copy that is not whole holds CAP_CHUNK of the body and CAP_REWRITE of what rewriting adds, at
 * most: the caller takes no more of the body before copy_next is empty. */
void copy_put(struct copy *c, struct slice octets);
struct slice copy_next(const struct copy *c); /* what the session has not taken yet; until the next change */
void copy_fed(struct copy *c, size_t n);
void copy_rewind(struct copy *c); /* nothing was taken: a new session. Only of a whole one */

#endif
