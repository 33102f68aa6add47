/* What lies beneath loop.h, for the files of io/ that watch descriptors. Nobody else includes this. */
#ifndef IO_LOOP_EV_H
#define IO_LOOP_EV_H

#include <ev.h>

#include "io/loop.h"

struct ev_loop *loop_ev(struct loop *loop);
/* Whether this turn has lasted so long (15 ms) that whoever is called for a descriptor leaves it as it is: a thousand handshakes that became ready together would
 * keep the timers and everybody else waiting for a second. The descriptor is still ready in the next turn. */
bool loop_is_late(struct loop *loop);

#endif
