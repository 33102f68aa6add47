/* Helper threads for what can block: the resolver, crypt, files that fsync. At most
 * CAP_HELPER_THREADS, made when needed; children have others. `run` is called on a helper and may
 * touch only its job; `done` is called on the loop. In simulation both run on the loop, later. */
#ifndef IO_OFFLOAD_H
#define IO_OFFLOAD_H

#include "base/attr.h"
#include "io/loop.h"

struct offload;

struct offload *offload_new(struct loop *loop, struct err *err) MUST_USE;
/* waits for running jobs at most a moment, then leaves them to the end of the process (_exit:
 * destructors would pull the libraries from under them); no `done` is called any more */
void offload_free(struct offload **off);

/* The job `arg` belongs to the pair run/done: done(arg) frees it. */
void offload_submit(struct offload *off, void (*run)(void *arg), void (*done)(void *arg),
                    void *arg);
/* jobs not begun yet */
size_t offload_waiting(const struct offload *off);
/* threads; 0 right after a submit: the system gives none, and the job waits for the next submit */
size_t offload_helpers(const struct offload *off);

#endif
