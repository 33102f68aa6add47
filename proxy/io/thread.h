/* The start of a thread. Signals belong to the loop's thread, so a new thread takes none. */
#ifndef IO_THREAD_H
#define IO_THREAD_H

#include <pthread.h>
#include <signal.h>

/* Starts run(arg). *thread_r is to be joined; with NULL the thread is detached. Returns 0, or the
 * number of the system's error. */
int thread_start(pthread_t *thread_r, void *(*run)(void *arg), void *arg);

/* For a library that starts threads itself: signals are blocked until signals_restore. */
void signals_block(sigset_t *before_r);
void signals_restore(const sigset_t *before);

#endif
