/* The spool's virtual clock, by which messages age. It counts the time that the program has run and
 * the time that it was off.
 *
 * A start knows only what was last written of both clocks. Jumps of the wall clock while the
 * program runs do not count if they are written down. The time off counts if the wall clock at the
 * start is later than the one that was last written and that one had been set, and `cap` at most.
 * It only computes: the store keeps the text in the spool's directory. */
#ifndef SPOOL_CLOCK_H
#define SPOOL_CLOCK_H

#include "base/buf.h"
#include "base/units.h"

struct spool_clock {
    /* The virtual time at the start, and the monotonic clock at that moment. */
    usec began, started;
};

/* Both clocks at one moment. */
struct spool_moment {
    usec time;
    int64_t wall_ms;
};

/* The last run wrote `text`, which may be empty or damaged. The `head` is the latest moment in the
 * head of any message, or zero. The later of the two counts. The clock does not start before
 * `newest`, the latest time in any message. */
void spool_clock_start(struct spool_clock *c, struct slice text, struct spool_moment head,
                       usec newest, usec now, int64_t wall_ms, usec cap);
/* Converts a time of another spool's clock to this one, which is `shift` ahead. The result is
 * neither before this clock's beginning nor in its future. */
usec spool_clock_shift(usec at, usec shift, usec now);
usec spool_clock_now(const struct spool_clock *c, usec now);
/* Writes the text for the next run. Returns false beyond the buffer's cap. */
bool spool_clock_write(const struct spool_clock *c, struct buf *out, usec now,
                       int64_t wall_ms) MUST_USE;

#endif
