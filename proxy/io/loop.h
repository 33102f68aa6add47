/* The one loop: timers, work for the end of a turn, the clocks and random numbers. Behind this
 * header is libev, or in tests a virtual clock (tests/sim). The rooms above see no difference. Only
 * the loop's thread may use it.
 *
 * A turn is one wake-up: all ready callbacks run, then the deferred ones, then the loop sleeps.
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

/* Gives, or returns NULL with err. */
struct loop *loop_new(struct err *err) MUST_USE;
/* All timers and streams must have been freed, except streams that say goodbye (stream_finish):
 * these are cut now. Runs the deferred work that is left. *loop may be NULL. */
void loop_free(struct loop **loop);
/* Runs until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* Call this at the very end, when only streams that say goodbye have a timer. Runs until none is
 * left or patience is over. */
void loop_finish(struct loop *loop, usec patience);

/* Returns the monotonic time. It is the same during a turn. */
usec loop_now(const struct loop *loop);
/* Returns Unix time in milliseconds. */
int64_t loop_wall_ms(const struct loop *loop);
/* Writes unpredictable bytes. In tests they depend on the seed. */
void loop_random(struct loop *loop, void *out, size_t n);
/* Returns the longest turn since the previous call, for the metric. */
usec loop_longest_turn(struct loop *loop);

/* Returns how long all turns that have ended took together, since the loop was made. The loop did
 * not wait in this time. */
usec loop_worked(const struct loop *loop);

/* A timer fires once unless armed again. Freeing it in its own callback is allowed. */
struct timer;
typedef void timer_fn(void *arg);
/* Gives a timer that is not armed. */
struct timer *timer_new(struct loop *loop, timer_fn *fn, void *arg);
/* *timer may be NULL. */
void timer_free(struct timer **timer);
/* Replaces an earlier arming. A negative delay counts as 0. The delay counts from this call,
 * however long the turn has taken until now. */
void timer_arm(struct timer *timer, usec delay);
void timer_stop(struct timer *timer);
bool timer_is_armed(const struct timer *timer);
/* Returns the time until it fires, or 0 if it is not armed. */
usec timer_left(const struct timer *timer);

/* Work for the end of this turn. It waits for the next turn if it was deferred from a deferred call
 * at its own end, or if the turn is long already. Embed it. It belongs to the caller and must live
 * until it has run or was cancelled. Deferring twice is one run. */
typedef void defer_fn(void *arg);
struct deferred {
    struct link link;
    defer_fn *fn;
    void *arg;
};
void deferred_init(struct deferred *d, defer_fn *fn, void *arg);
void loop_defer(struct loop *loop, struct deferred *d);
void deferred_cancel(struct deferred *d);

/* Takes p and frees it at the end of this turn, so that a callback never frees its caller. */
void loop_free_later(struct loop *loop, void *p, void (*destroy)(void *p));

#endif
