/* Runs a program without a shell (posix_spawn, waitpid), watches it from a thread of its own, and
 * returns the first line of its output as a secret. */
#ifndef IO_PROCESS_H
#define IO_PROCESS_H

#include "base/attr.h"
#include "base/secret.h"
#include "io/offload.h"

struct process_run;

/* What is run. All of it is copied. */
struct process_order {
    /* The list ends in NULL. */
    char *const *argv;
    /* The list of "NAME=value" ends in NULL. These variables come before our own of the same name.
     * NULL means that there are none. */
    char *const *env;
    /* It is run for what it does: its output goes nowhere, and need not be. */
    bool is_mute;
    /* Then its process group is killed. */
    usec deadline;
};

/* Is called on the loop, later. The callee takes output, which is the first line without its line
 * end; NULL without err, if the order is mute. It is NULL with err on failure: the program was not
 * found, its status was not 0, or the deadline passed. */
typedef void process_fn(void *ctx, struct secret *output, const struct err *err);

/* The child gets our environment without NOTIFY_SOCKET and LISTEN_*; CREDENTIALS_DIRECTORY stays.
 * Its stdin is /dev/null and its stderr is ours. */
struct process_run *process_run(struct loop *loop, struct offload *off,
                                const struct process_order *order, process_fn *fn, void *ctx);
/* The callback is not called any more. The process group is killed soon. */
void process_cancel(struct process_run **run);

/* Starts a program in a session of its own, with /dev/null for all three descriptors, and leaves
 * it to itself: it outlives us. -1: it cannot be started. */
int process_leave(char *const argv[]) MUST_USE;

#endif
