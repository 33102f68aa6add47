/* The replay copy of one message's body (PROMISES 6): kept whole while it is small enough, so that
 * a session that replaces a lost one can be fed again from the start; beyond the caps only what the
 * session has not taken yet. */
#ifndef DELIVERY_COPY_H
#define DELIVERY_COPY_H

#include "base/buf.h"
#include "base/slice.h"

/* all copies of a relay: CAP_REPLAY_TOTAL octets */
struct copy_budget {
    size_t used;
};

struct copy {
    struct copy_budget *budget;
    struct buf octets;
    /* of these, taken by the session at hand */
    size_t fed;
    /* the octets begin with the body's first */
    bool whole;
};

/* borrows the budget */
void copy_init(struct copy *c, struct copy_budget *budget);
void copy_free(struct copy *c);
/* Nothing is kept for a replay from now on. */
void copy_give_up(struct copy *c);
/* Adds octets behind the last. A copy that is not whole holds CAP_CHUNK of the body and CAP_REWRITE
 * of what rewriting adds, at most: the caller takes no more of the body before copy_next is
 * empty. */
void copy_put(struct copy *c, struct slice octets);
/* what the session has not taken yet; until the next change */
struct slice copy_next(const struct copy *c);
void copy_fed(struct copy *c, size_t n);
/* nothing was taken: a new session. Only of a whole one */
void copy_rewind(struct copy *c);

#endif
