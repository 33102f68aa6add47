/* For the files of io/ that use helpers themselves. */
#ifndef IO_OFFLOAD_INTERNAL_H
#define IO_OFFLOAD_INTERNAL_H

#include "io/offload.h"

/* As offload_submit, but such jobs run one at a time, in the order of submission: two writes of one
 * file cannot overtake each other. */
void offload_submit_in_order(struct offload *off, void (*run)(void *arg), void (*done)(void *arg),
                             void *arg);

/* As offload_submit, but on a thread of its own, of which there are CAP_CHILDREN at most: for jobs
 * that wait for somebody else (a child) and may take as long as it likes. They never hold up the
 * resolver or the passwords. */
void offload_submit_apart(struct offload *off, void (*run)(void *arg), void (*done)(void *arg),
                          void *arg);

#endif
