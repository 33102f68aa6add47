/* How many sessions a provider lets an account have, as far as its refusals show (PROMISES 6). A
 * 421, 432 or 454 while other sessions of the account are authenticated is about us. The provider
 * does not say the number, so it is learnt: until a wait has passed, no more sessions are dialled
 * than there were. Then one more is tried. Each refusal doubles the wait. This code only
 * computes. */
#ifndef UPSTREAM_CEILING_H
#define UPSTREAM_CEILING_H

#include <stdbool.h>

#include "base/units.h"

struct ceiling {
    /* 0 means that none is known. */
    unsigned sessions;
    usec wait, until;
};

bool ceiling_is_meant_by(int code);
/* Say that one more session was refused while there were this many (at least one). */
void ceiling_hit(struct ceiling *c, unsigned sessions, usec now);
/* Say that one more session was admitted and has served a message. `sessions` is how many there are
 * now, and at most `max` are wanted. */
void ceiling_raise(struct ceiling *c, unsigned sessions, unsigned max, usec now);
void ceiling_forget(struct ceiling *c);
/* Returns how many sessions, at most `max`, there may be now. */
unsigned ceiling_limit(const struct ceiling *c, unsigned max, usec now);
/* Returns the time until one more may be tried. 0 means now, or that there is no ceiling. */
usec ceiling_wait(const struct ceiling *c, usec now);

#endif
