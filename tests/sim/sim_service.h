/* A token service for histories: it gives access tokens to whoever proves himself, replaces refresh
 * tokens at each use and knows the old ones again, and fails in the ways that such services do. It
 * keeps a ledger of what it was asked and what it gave. */
#ifndef SIM_SIM_SERVICE_H
#define SIM_SIM_SERVICE_H

#include "sim_http.h"

enum { SIM_GRANTS = 200 };

struct sim_service_script {
    /* An account of the history logs in by its tokens. */
    bool used;
    /* By a refresh token, which is replaced; else by the client's secret alone. */
    bool rotates;
    /* how long each answer takes; longer than 10 s: nobody waits for it */
    usec delay;
    /* requests that fail or take long, of a hundred */
    unsigned faults;
    /* Of the history: all tokens that were given until then are worth nothing; 0: never. */
    usec revokes_at;
};

enum sim_service_did { SIM_SERVICE_GAVE, SIM_SERVICE_REFUSED, SIM_SERVICE_FAILED };

struct sim_service_request {
    usec at;
    enum sim_service_did did;
    /* the refresh token it was shown, by number; -1: none */
    int shown;
    /* until when it asked not to be asked again; 0: it did not */
    usec not_before;
};

struct sim_service {
    struct sim *sim;
    struct sim_service_script script;
    struct sim_rng rng;
    const char *client_secret;
    struct sim_service_request requests[SIM_GRANTS];
    size_t nrequests;
    /* access tokens, by number: when each was given */
    usec given[SIM_GRANTS];
    size_t ngiven;
    /* the number of the refresh token that counts */
    int refresh;
    char body[300];
    char complaint[160];
};

/* What the access token of this number looks like; returns out. */
enum { SIM_TOKEN = 80 };
const char *sim_service_token(size_t number, char out[SIM_TOKEN]);
/* The number of this token; -1: it was never given. */
int sim_service_number(const struct sim_service *v, const char *token);
/* For a server's script: a token that was given, and not revoked since. ctx: the service. */
bool sim_service_takes(void *ctx, const char *token);

/* Serves every URL of the world. Borrows the secret. */
void sim_service_begin(struct sim_service *v, struct sim *sim,
                       const struct sim_service_script *script, uint64_t seed,
                       const char *client_secret);
/* where the product keeps the refresh token */
#define SIM_TOKEN_FILE "/state/default.token"

#endif
