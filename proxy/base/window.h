/* A sliding window: how many events there were in the last `period`, in thirtieths of it. It never
 * lets more than the limit pass in any period; a place comes free at most a thirtieth late. Pure:
 * times in, answers out. */
#ifndef BASE_WINDOW_H
#define BASE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/units.h"

#define WINDOW_SLOTS 30

/* A period in slots: the one that has begun, and all that lie in the period before it, if only with
 * their end. All zero is an empty window. */
struct window {
    usec period;
    /* number of the slot that has begun */
    int64_t newest;
    unsigned counts[WINDOW_SLOTS + 1];
};

unsigned window_count(struct window *w, usec now);
/* Counts one event; false: there were `limit` already, and this one is not counted. Another period
 * than before begins anew. */
bool window_take(struct window *w, unsigned limit, usec period, usec now);
/* The event that was counted at `then` did not happen. */
void window_give_back(struct window *w, usec then, usec now);
/* How long until window_take succeeds; 0: now. */
usec window_wait(struct window *w, unsigned limit, usec period, usec now);

#endif
