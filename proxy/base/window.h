/* A sliding window: how many events there were in the last `period`, in thirtieths of it. It never
 * lets more than the limit pass in any period. A place becomes free at most a thirtieth late. It
 * only computes: the caller passes the time. */
#ifndef BASE_WINDOW_H
#define BASE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/units.h"

#define WINDOW_SLOTS 30

/* A period in slots: the one that has begun, and every slot that lies in the period before it, if
 * only with its end. A zeroed struct is an empty window. */
struct window {
    usec period;
    /* The number of the slot that has begun. */
    int64_t newest;
    unsigned counts[WINDOW_SLOTS + 1];
};

unsigned window_count(struct window *w, usec now);
/* Counts one event. Returns false, and counts nothing, if there were `limit` events already. With
 * another period than before the window starts again from empty. */
bool window_take(struct window *w, unsigned limit, usec period, usec now);
/* Says that the event that was counted at `then` did not happen. */
void window_give_back(struct window *w, usec then, usec now);
/* Returns the time until window_take succeeds. 0 means now. */
usec window_wait(struct window *w, unsigned limit, usec period, usec now);

#endif
