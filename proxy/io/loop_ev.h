/* What lies beneath loop.h, for the files of io/ that watch descriptors. Nobody else includes this. */
#ifndef IO_LOOP_EV_H
#define IO_LOOP_EV_H

#include <ev.h>

#include "io/loop.h"

struct ev_loop *loop_ev(struct loop *loop);

#endif
