/* Signals, told on the loop. They stay blocked in helper threads and have their default meaning
 * again in children. */
#ifndef IO_SIGNALS_H
#define IO_SIGNALS_H

#include "io/loop.h"

struct signal_watch;

/* From now on SIGHUP, SIGTERM and SIGINT wait, each until its watch is made: one that comes during
 * the start would end the process. */
void signals_hold(void);
/* Calls fn(arg) from the loop for each (or several at once) `number` that came in. One watch per
 * signal and process. Gives. */
struct signal_watch *signal_watch_new(struct loop *loop, int number, void (*fn)(void *arg),
                                      void *arg);
/* the signal has its default meaning again; NULL is fine */
void signal_watch_free(struct signal_watch **w);

#endif
