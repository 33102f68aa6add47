/* The spool's virtual clock, by which messages age: the time that the program has run, and the time
 * that it was off. Jumps of the wall clock while it runs are never seen, if they are written down:
 * what was last written of both clocks is all that a start knows. Off time counts only where the
 * wall clock at the start is later than the one that was last written, and that one had been set;
 * and at most `cap`. Pure: the store keeps the text in the spool's directory. */
#ifndef SPOOL_CLOCK_H
#define SPOOL_CLOCK_H

#include "base/buf.h"
#include "base/units.h"

struct spool_clock {
    /* the virtual time at the start, and the monotonic clock then */
    usec began, started;
};

/* What both clocks showed at one time. */
struct spool_moment {
    usec time;
    int64_t wall_ms;
};

/* `text` is what the last run wrote, empty or damaged where there is none; `head` the latest moment
 * that the head of a message knows, all zero where there is none: the later of the two counts.
 * `newest` is the latest time that any message knows: the clock never starts before that. */
void spool_clock_start(struct spool_clock *c, struct slice text, struct spool_moment head,
                       usec newest, usec now, int64_t wall_ms, usec cap);
/* A time of another spool's clock on this one, which is `shift` ahead: neither before its beginning
 * nor in its future. */
usec spool_clock_shift(usec at, usec shift, usec now);
usec spool_clock_now(const struct spool_clock *c, usec now);
/* What the next run will read; false beyond the buffer's cap. */
bool spool_clock_write(const struct spool_clock *c, struct buf *out, usec now,
                       int64_t wall_ms) MUST_USE;

#endif
