/* How many sessions a provider lets an account have, as far as its refusals show (PROMISES 6): a
 * 421, 432 or 454 while other sessions of the account are authenticated speaks of us. Nobody is
 * told the number, so it is learnt: no more than there were are dialled until a wait has passed,
 * then one more is tried; each refusal doubles the wait. Values in, values out. */
#ifndef UPSTREAM_CEILING_H
#define UPSTREAM_CEILING_H

#include <stdbool.h>

#include "base/units.h"

struct ceiling {
    /* 0: none is known. */
    unsigned sessions;
    usec wait, until;
};

bool ceiling_is_meant_by(int code);
/* One more was refused beside so many (at least one). */
void ceiling_hit(struct ceiling *c, unsigned sessions, usec now);
/* One more was let in and has served a message: so many are there now, of the `max` that are wanted
 * at most. */
void ceiling_raise(struct ceiling *c, unsigned sessions, unsigned max, usec now);
void ceiling_forget(struct ceiling *c);
/* How many sessions there may be now, of `max`. */
unsigned ceiling_limit(const struct ceiling *c, unsigned max, usec now);
/* Until one more may be tried; 0: now, or there is no ceiling. */
usec ceiling_wait(const struct ceiling *c, usec now);

#endif
