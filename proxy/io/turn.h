/* The end of a loop's turn, the same code in the real world and in simulation: which of the waiting
 * work runs now, and what waits for the next turn.
 *
 * Timers that fired, descriptors that are ready, and deferred work have a budget of 10 ms each, so
 * that none of them keeps the others waiting; a call that was begun is never interrupted. Each list
 * is served in the order in which it was queued. What calls defer runs in the same turn, up to four
 * rounds, so that work which defers itself cannot starve the sockets. Memory is freed last. */
#ifndef IO_TURN_H
#define IO_TURN_H

#include "io/loop.h"

struct turn {
    struct link due, ready, deferred, doomed;
    /* asked after each call: how late is it? */
    usec (*clock)(void *arg);
    void *arg;
};

void turn_init(struct turn *t, usec (*clock)(void *arg), void *arg);
/* These queue `d` unless it is queued already; deferred_cancel takes it out of any list. */
void turn_queue_due(struct turn *t, struct deferred *d);
void turn_queue_ready(struct turn *t, struct deferred *d);
void turn_defer(struct turn *t, struct deferred *d);
/* takes p */
void turn_free_later(struct turn *t, void *p, void (*destroy)(void *p));

/* a budget that began to be used then */
bool turn_is_spent(const struct turn *t, usec began);
/* the next turn must not wait */
bool turn_has_work(const struct turn *t);
void turn_end(struct turn *t);
/* When the loop itself ends: runs all that is deferred, whatever it takes, and frees. Timers and
 * descriptors are their owners' affair. */
void turn_run_out(struct turn *t);

#endif
