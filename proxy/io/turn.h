/* The end of a loop's turn, with the same code in the real world and in simulation. It decides
 * which waiting work runs now and which waits for the next turn.
 *
 * Ready descriptors, expired timers and deferred work have a budget of 10 ms each, so that none of
 * them delays the others. What has arrived is read before a deadline is over: if the machine put
 * the process aside, an answer that came in time is no late one. A call that was begun is never
 * interrupted. Each list is served in the order in which it was queued. Work that a call defers
 * runs in the same turn, up to four rounds, so that work which defers itself cannot starve the
 * sockets. Memory is freed last. */
#ifndef IO_TURN_H
#define IO_TURN_H

#include "io/loop.h"

struct turn {
    struct link due, ready, deferred, doomed;
    /* Is asked for the time after each call. */
    usec (*clock)(void *arg);
    void *arg;
};

void turn_init(struct turn *t, usec (*clock)(void *arg), void *arg);
/* These queue `d` unless it is queued already. deferred_cancel takes it out of any list. */
void turn_queue_due(struct turn *t, struct deferred *d);
void turn_queue_ready(struct turn *t, struct deferred *d);
void turn_defer(struct turn *t, struct deferred *d);
/* Takes p. */
void turn_free_later(struct turn *t, void *p, void (*destroy)(void *p));

/* Returns whether a budget is spent that began to be used at `began`. */
bool turn_is_spent(const struct turn *t, usec began);
/* The next turn must not wait. */
bool turn_has_work(const struct turn *t);
/* Returns the time at its end. */
usec turn_end(struct turn *t);
/* Call this when the loop itself ends. Runs all deferred work, however long it takes, and frees.
 * Timers and descriptors stay their owners' business. */
void turn_run_out(struct turn *t);

#endif
