/* Helper threads for calls that block: the resolver, crypt, files that fsync. There are at most
 * CAP_HELPER_THREADS, made when they are needed; children have others. `run` is called on a helper
 * and may touch only its job. `done` is called on the loop. In simulation both run on the loop,
 * later. */
#ifndef IO_OFFLOAD_H
#define IO_OFFLOAD_H

#include "base/attr.h"
#include "io/loop.h"

struct offload;

struct offload *offload_new(struct loop *loop, struct err *err) MUST_USE;
/* Waits a moment for running jobs, then lets them run until the process ends (with _exit, because
 * destructors would unload the libraries while they run). No `done` is called any more. */
void offload_free(struct offload **off);

/* The pair run and done owns the job `arg`: done(arg) frees it. */
void offload_submit(struct offload *off, void (*run)(void *arg), void (*done)(void *arg),
                    void *arg);
/* Returns the number of jobs that have not begun. */
size_t offload_waiting(const struct offload *off);
/* Returns the number of threads. If it is 0 right after a submit, the system gives none, and the
 * job waits for the next submit. */
size_t offload_helpers(const struct offload *off);

#endif
