/* Runs a program without a shell (posix_spawn, waitpid), watched by a thread of its own, and takes
 * the first line of its output as a secret. */
#ifndef IO_PROCESS_H
#define IO_PROCESS_H

#include "base/attr.h"
#include "base/secret.h"
#include "io/offload.h"

struct process_run;

/* On the loop, later. output: its first line without the line end; the callee takes it; NULL with
 * err on failure (not found, non-zero status, deadline). */
typedef void process_fn(void *ctx, struct secret *output, const struct err *err);

/* argv: NULL-terminated, copied. The child gets our environment less the secrets' (NOTIFY_SOCKET,
 * LISTEN_*, CREDENTIALS_DIRECTORY stays), stdin from /dev/null, stderr ours. After `deadline` its
 * process group is killed. */
struct process_run *process_run(struct loop *loop, struct offload *off, char *const argv[],
                                usec deadline, process_fn *fn, void *ctx);
/* no callback any more; the process group is killed in a moment */
void process_cancel(struct process_run **run);

/* Starts a program in a session of its own, with /dev/null for all three descriptors, and leaves
 * it to itself: it outlives us. -1: it cannot be started. */
int process_leave(char *const argv[]) MUST_USE;

#endif
