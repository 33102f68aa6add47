/* The one loop: timers, things to do at the end of a turn, the clocks and chance. Behind this
 * header stands libev, or in tests a virtual clock (tests/sim): the rooms above cannot tell.
 * Everything here is for the loop's thread alone.
 *
 * A turn = one wake-up: all ready callbacks run, then the deferred ones, then the loop sleeps.
 * Callbacks come from the loop only, never from inside a call that you made. */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/list.h"
#include "base/units.h"

struct loop;

/* gives; NULL on failure */
struct loop *loop_new(struct err *err) MUST_USE;
/* All timers and streams must be gone, but for streams that are saying goodbye (stream_finish):
 * these are cut now. Runs what is still deferred. NULL is fine. */
void loop_free(struct loop **loop);
/* until loop_stop */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* At the very end, when only streams that say goodbye still have a timer: runs on until none is
 * left, or patience is over. */
void loop_finish(struct loop *loop, usec patience);

/* monotonic, cached per turn */
usec loop_now(const struct loop *loop);
/* Unix time in milliseconds */
int64_t loop_wall_ms(const struct loop *loop);
/* unpredictable bytes (in tests: of the seed) */
void loop_random(struct loop *loop, void *out, size_t n);
/* the longest turn since the last call of this, for the metric; resets */
usec loop_longest_turn(struct loop *loop);

/* how long all turns that have ended took, since the loop was made: what it did not wait */
usec loop_worked(const struct loop *loop);

/* A timer fires once unless armed again. Freeing it in its own callback is allowed. */
struct timer;
typedef void timer_fn(void *arg);
/* gives; not armed */
struct timer *timer_new(struct loop *loop, timer_fn *fn, void *arg);
/* NULL is fine */
void timer_free(struct timer **timer);
/* replaces an earlier arming; delay < 0 counts as 0 */
void timer_arm(struct timer *timer, usec delay);
void timer_stop(struct timer *timer);
bool timer_is_armed(const struct timer *timer);
/* until it fires; 0 when it is not armed */
usec timer_left(const struct timer *timer);

/* Work for the end of this turn (or of the next, when deferred from a deferred call at its own end,
 * or when the turn is long already). Embed it; it belongs to the caller and must live until it ran
 * or was cancelled. Deferring twice is one run. */
typedef void defer_fn(void *arg);
struct deferred {
    struct link link;
    defer_fn *fn;
    void *arg;
};
void deferred_init(struct deferred *d, defer_fn *fn, void *arg);
void loop_defer(struct loop *loop, struct deferred *d);
void deferred_cancel(struct deferred *d);

/* Frees a block at the end of this turn, so that a callback never frees its caller. Takes p. */
void loop_free_later(struct loop *loop, void *p, void (*destroy)(void *p));

#endif
