/* What the scripts of a cluster do, written a second time in C and in other terms: instances that
 * hold, wait and state, not sets and hashes. tests/unit/sim_engine_model_test.c compares it with
 * the scripts in a real engine, answer by answer; the simulator's engine runs it. */
#ifndef SIM_ENGINE_MODEL_H
#define SIM_ENGINE_MODEL_H

#include <stdint.h>

#include "base/buf.h"

struct engine_model;

/* Borrows. */
typedef void engine_model_fn(void *ctx, const char *channel, const char *message);

struct engine_model *engine_model_new(engine_model_fn *publish, void *ctx);
void engine_model_free(struct engine_model **m);
/* It came back empty. */
void engine_model_flush(struct engine_model *m);

/* From now on it grants everything, so that it can be seen that somebody notices. */
void engine_model_lie(struct engine_model *m);

struct model_call {
    const char *script;
    const struct slice *keys;
    size_t nkeys;
    const struct slice *args;
    size_t nargs;
};

/* Runs a script at `now`, in Unix milliseconds, and appends its reply as the protocol has it.
 * Returns false, and appends nothing, if there is no such script. */
bool engine_model_run(struct engine_model *m, int64_t now, const struct model_call *call,
                      struct buf *out);
/* Sessions that are held under the key of an account's slots. For the oracle. */
size_t engine_model_held(const struct engine_model *m, const char *slots_key);

#endif
