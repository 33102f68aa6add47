/* For the files of io/ that use helpers themselves. */
#ifndef IO_OFFLOAD_INTERNAL_H
#define IO_OFFLOAD_INTERNAL_H

#include "io/offload.h"

/* Does what offload_submit does, but such jobs run one at a time in the order of submission, so
 * that two writes of one file cannot overtake each other. */
void offload_submit_in_order(struct offload *off, void (*run)(void *arg), void (*done)(void *arg),
                             void *arg);

/* Does what offload_submit does, but on a thread of its own. There are at most CAP_CHILDREN. It is
 * for jobs that wait for another process (a child) and may take as long as that likes. They never
 * delay the resolver or the passwords. */
void offload_submit_apart(struct offload *off, void (*run)(void *arg), void (*done)(void *arg),
                          void *arg);

#endif
