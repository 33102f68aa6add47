/* How full the loop is: the share of the last minute in which it worked instead of waiting. Pure:
 * times in, a share out. */
#ifndef ADMIN_BUSY_H
#define ADMIN_BUSY_H

#include "base/units.h"

enum { BUSY_MARKS = 61 };

/* All zero: nothing was noted yet. */
struct busy {
    /* the newest at (next - 1) % BUSY_MARKS: when, and how long the loop had worked by then */
    struct {
        usec when, worked;
    } marks[BUSY_MARKS];
    unsigned next, n;
};

/* To be called once a second: worked is the sum since the loop was made. */
void busy_note(struct busy *b, usec now, usec worked);
/* Between the oldest and the newest mark, 0 to 1; 0 with fewer than two of them. A turn counts when
 * it has ended. */
double busy_ratio(const struct busy *b);

#endif
