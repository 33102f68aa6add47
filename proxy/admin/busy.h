/* How full the loop is: the share of the last minute in which it worked instead of waiting. Pure:
 * times in, a share out. */
#ifndef ADMIN_BUSY_H
#define ADMIN_BUSY_H

#include "base/units.h"

enum { BUSY_MARKS = 61 };

/* All zero means that nothing was noted yet. */
struct busy {
    /* The newest mark is at (next - 1) % BUSY_MARKS. Each mark holds its time, and how long the
     * loop had worked by then. */
    struct {
        usec when, worked;
    } marks[BUSY_MARKS];
    unsigned next, n;
};

/* This is to be called once a second. The time `worked` is the sum since the loop was made. */
void busy_note(struct busy *b, usec now, usec worked);
/* Between the oldest and the newest mark, 0 to 1; 0 with fewer than two of them. A turn counts when
 * it has ended. */
double busy_ratio(const struct busy *b);

#endif
