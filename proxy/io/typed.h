/* Lines that a person types, or pastes, into a terminal (or that a pipe brings). They may be
 * secrets. */
#ifndef IO_TYPED_H
#define IO_TYPED_H

#include "base/slice.h"
#include "io/loop.h"

struct typed;

/* A line without its end, borrowed until the call returns, and wiped afterwards; of a longer one
 * than CAP_TYPED the beginning. Called on the loop. */
typedef void typed_fn(void *ctx, struct slice line);

/* Watches a descriptor, which stays the caller's and keeps its mode: who started us may go on
 * reading from it. After its end nothing more is told. Gives. */
struct typed *typed_new(struct loop *loop, int fd, typed_fn *fn, void *ctx);
/* From now on calls fn(ctx) on the loop when the input has ended, after its last line. */
void typed_on_end(struct typed *typed, void (*fn)(void *ctx));
/* Wipes. May be called from the callback; NULL is fine. */
void typed_free(struct typed **typed);

#endif
