/* This shows libev beneath loop.h to the files of io/ that watch descriptors. No other file
 * includes this. */
#ifndef IO_LOOP_EV_H
#define IO_LOOP_EV_H

#include <ev.h>

#include "io/loop.h"

struct ev_loop *loop_ev(struct loop *loop);
/* Call this when a descriptor is ready. d runs in this turn or, if 10 ms went into others, in a
 * later one, in the order in which it was queued. Otherwise a thousand handshakes that became ready
 * together would keep the timers and everything else waiting for a second. (libev calls last what
 * epoll found first. Without this queue, descriptors that are always ready would keep others from
 * ever being served.) Queueing twice is one run. deferred_cancel takes it out. */
void loop_queue_ready(struct loop *loop, struct deferred *d);
/* Returns whether this turn has lasted that long. Then connections in the backlog can wait a little
 * more. */
bool loop_is_late(const struct loop *loop);

#endif
