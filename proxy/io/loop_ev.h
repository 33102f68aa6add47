/* What lies beneath loop.h, for the files of io/ that watch descriptors. Nobody else includes
 * this. */
#ifndef IO_LOOP_EV_H
#define IO_LOOP_EV_H

#include <ev.h>

#include "io/loop.h"

struct ev_loop *loop_ev(struct loop *loop);
/* A descriptor is ready: d runs in this turn or, when 10 ms went into others, in a later one, in
 * the order in which they were queued. A thousand handshakes that became ready together would keep
 * the timers and everybody else waiting for a second. (libev calls last what epoll found first:
 * without a queue of our own those that are always ready would keep others from ever being served.)
 * Queueing twice is one run; deferred_cancel takes it out. */
void loop_queue_ready(struct loop *loop, struct deferred *d);
/* Whether this turn has lasted that long: then who waits to be accepted can wait a little more. */
bool loop_is_late(const struct loop *loop);

#endif
