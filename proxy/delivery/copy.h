/* The replay copy of one message's body (PROMISES 6). A small body is kept whole, so that a session
 * that replaces a lost one can be fed again from the start. Of a body beyond the caps, only the
 * octets are kept that the session has not taken yet. */
#ifndef DELIVERY_COPY_H
#define DELIVERY_COPY_H

#include "base/buf.h"
#include "base/slice.h"

/* For all copies of a relay, which hold CAP_REPLAY_TOTAL octets at most. */
struct copy_budget {
    size_t used;
};

struct copy {
    struct copy_budget *budget;
    struct buf octets;
    /* How many of these the present session has taken. */
    size_t fed;
    /* The octets begin with the first octet of the body. */
    bool whole;
};

/* Borrows the budget. */
void copy_init(struct copy *c, struct copy_budget *budget);
void copy_free(struct copy *c);
/* From now on nothing is kept for a replay. */
void copy_give_up(struct copy *c);
/* Appends octets. A copy that is not whole holds at most CAP_CHUNK octets of the body and
 * CAP_REWRITE octets that rewriting adds, so the caller takes no more of the body before copy_next
 * is empty. */
void copy_put(struct copy *c, struct slice octets);
/* Lends the octets that the session has not taken yet, until the copy is changed. */
struct slice copy_next(const struct copy *c);
/* The session has taken n octets more. */
void copy_fed(struct copy *c, size_t n);
/* A new session has taken nothing yet. The copy must be whole. */
void copy_rewind(struct copy *c);

#endif
