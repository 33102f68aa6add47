/* The spool's virtual clock, by which messages age: the time that the program has run, and the time
 * that it was off. Jumps of the wall clock while it runs are never seen. Off time counts only where
 * the wall clock at the start is later than the one that was last written, and at most `cap`. Pure:
 * the store keeps the text in the spool's directory. */
#ifndef SPOOL_CLOCK_H
#define SPOOL_CLOCK_H

#include "base/buf.h"
#include "base/units.h"

struct spool_clock {
    /* the virtual time at the start, and the monotonic clock then */
    usec began, started;
};

/* `text` is what the last run wrote, empty or damaged where there is none: then the clock goes on
 * at `newest`, the latest time that any message knows. It never starts before that. */
void spool_clock_start(struct spool_clock *c, struct slice text, usec newest, usec now,
                       int64_t wall_ms, usec cap);
usec spool_clock_now(const struct spool_clock *c, usec now);
/* What the next run will read; false beyond the buffer's cap. */
bool spool_clock_write(const struct spool_clock *c, struct buf *out, usec now,
                       int64_t wall_ms) MUST_USE;

#endif
