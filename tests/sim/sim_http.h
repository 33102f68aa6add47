/* Services over HTTPS in the simulated world: whoever asks for a token, or brings a message, gets
 * what a function of the test says. */
#ifndef SIM_HTTP_H
#define SIM_HTTP_H

#include "io/http.h"
#include "sim.h"

/* How far a request with a stream comes. */
enum sim_http_fate {
    SIM_HTTP_WHOLE,
    /* Nobody is there: nothing is read, and the endpoint was asked in vain. */
    SIM_HTTP_NOBODY,
    /* The connection ends when so much of it was read as the endpoint saw, */
    SIM_HTTP_CUT,
    /* or when all of it was. */
    SIM_HTTP_LOST,
};

/* What an endpoint answers to a body. */
struct sim_http_reply {
    enum sim_http_fate fate;
    /* 0: silence until the deadline. */
    int status;
    const char *body;
    int64_t date, retry_after;
    usec delay;
};
typedef struct sim_http_reply sim_endpoint(void *ctx, struct slice body);

/* Every URL of this world is answered by fn; NULL: nobody is there. */
void sim_http_serve(struct sim *sim, sim_endpoint *fn, void *ctx);

/* A message on its way: a request whose body is a stream, or a GET. */
struct sim_http_mail {
    const char *url;
    /* As http_ask has them. */
    const char *const *headers;
    const struct http_route *route;
    bool is_get;
    /* It cannot be read any further than this. */
    struct slice body;
    bool is_torn;
};
/* Whether to take it must be known before its fate: the endpoint says both at once. */
typedef struct sim_http_reply sim_mail_endpoint(void *ctx, const struct sim_http_mail *mail);
/* Such requests are answered by fn; NULL: nobody is there. */
void sim_http_serve_mail(struct sim *sim, sim_mail_endpoint *fn, void *ctx);

/* ---- token files (io/token_file.h) ---- */

/* Another process holds the lock of all token files. */
void sim_tokens_locked(struct sim *sim, bool locked);

#endif
