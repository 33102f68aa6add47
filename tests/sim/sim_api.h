/* A service over HTTPS for histories: it takes messages as Graph, Gmail and Mailgun do, sends them
 * to whom their header (or the form) names, and fails at every step. What it took stands in the
 * ledger; it also keeps what it was asked. */
#ifndef SIM_SIM_API_H
#define SIM_SIM_API_H

#include "base/api_choice.h"
#include "sim_http.h"
#include "sim_upstream.h"

enum { SIM_API_REQUESTS = 400 };

struct sim_api_script {
    /* API_NONE: the first account has no such port. */
    enum api_choice service;
    /* The mailbox from which is sent; NULL: any, as each sender has its own. */
    const char *identity;
    /* The token or the key. */
    const char *secret;
    /* Requests that fail or take long, of a hundred. */
    unsigned faults;
};

struct sim_api_request {
    usec at;
    /* When its answer was there; 0: never. */
    usec answered;
    /* Until when it asked not to be asked again; 0: it did not. */
    usec not_before;
    /* It refused the message for good; for whom it was. */
    bool refused;
    char *to[8];
    size_t nto;
};

struct sim_api {
    struct sim *sim;
    struct sim_ledger *ledger;
    struct sim_api_script script;
    struct sim_rng rng;
    struct sim_api_request requests[SIM_API_REQUESTS];
    size_t nrequests;
    /* For which no room was. */
    size_t more;
    char body[200];
    char complaint[200];
};

/* Serves every message of the world. Keeps the script's strings. */
void sim_api_begin(struct sim_api *a, struct sim *sim, struct sim_ledger *ledger,
                   const struct sim_api_script *script, uint64_t seed);
void sim_api_end(struct sim_api *a);
/* A message for this recipient was refused for good. */
bool sim_api_has_refused(const struct sim_api *a, const char *recipient);

#endif
