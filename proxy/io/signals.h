/* Signals, reported on the loop. They stay blocked in helper threads. Children have the default
 * actions again. */
#ifndef IO_SIGNALS_H
#define IO_SIGNALS_H

#include "io/loop.h"

struct signal_watch;

/* From now on SIGHUP, SIGTERM and SIGINT wait until their watches are made. Otherwise one that
 * comes during the start would end the process. */
void signals_hold(void);
/* They end the process again. */
void signals_let_go(void);
/* Sleeps that long, without the loop; true at once if SIGTERM or SIGINT came, which must be
 * held. */
bool signals_end_within(usec patience);
/* Gives. Calls fn(arg) from the loop when `number` came in, once for one or for several signals.
 * There may be one watch per signal in the process. */
struct signal_watch *signal_watch_new(struct loop *loop, int number, void (*fn)(void *arg),
                                      void *arg);
/* The signal has its default action again. *w may be NULL. */
void signal_watch_free(struct signal_watch **w);

#endif
