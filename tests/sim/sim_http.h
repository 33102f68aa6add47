/* A token service in the simulated world: whoever asks its URL gets what a function of the test
 * says. */
#ifndef SIM_HTTP_H
#define SIM_HTTP_H

#include "io/http.h"
#include "sim.h"

/* What an endpoint answers to a body. */
struct sim_http_reply {
    /* 0: silence until the deadline. */
    int status;
    const char *body;
    int64_t date, retry_after;
    usec delay;
};
typedef struct sim_http_reply sim_endpoint(void *ctx, struct slice body);

/* Every URL of this world is answered by fn; NULL: nobody is there. */
void sim_http_serve(struct sim *sim, sim_endpoint *fn, void *ctx);

/* ---- token files (io/token_file.h) ---- */

/* Another process holds the lock of all token files. */
void sim_tokens_locked(struct sim *sim, bool locked);

#endif
