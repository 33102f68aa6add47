#include "sim_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer than any wait of the product for an answer. */
#define SILENCE (60 * USEC_PER_SEC)

const char *sim_service_token(size_t number, char out[SIM_TOKEN])
{
    snprintf(out, SIM_TOKEN, "eyJ0eXAiOiJKV1Qi.aT%zu~k3N-of_the.service", number);
    return out;
}

int sim_service_number(const struct sim_service *v, const char *token)
{
    char text[SIM_TOKEN];
    for (size_t i = 0; i < v->ngiven; i++)
        if (strcmp(sim_service_token(i, text), token) == 0)
            return (int)i;
    return -1;
}

/* The clock of the world starts at one second, that of a history at zero. */
static usec revoked_at(const struct sim_service *v)
{
    return v->script.revokes_at ? v->script.revokes_at + USEC_PER_SEC : INT64_MAX;
}

bool sim_service_takes(void *ctx, const char *token)
{
    const struct sim_service *v = ctx;
    int number = sim_service_number(v, token);
    if (number < 0)
        return false;
    return sim_now(v->sim) < revoked_at(v) || v->given[number] >= revoked_at(v);
}

/* ---- what it was asked ---- */

static void complain(struct sim_service *v, const char *words)
{
    if (!v->complaint[0])
        snprintf(v->complaint, sizeof v->complaint, "%s", words);
}

static bool has(struct slice body, const char *text)
{
    return memmem(body.data, body.len, text, strlen(text)) != NULL;
}

static int shown_token(struct slice body)
{
    static const char field[] = "refresh_token=r";
    const char *at = memmem(body.data, body.len, field, sizeof field - 1);
    return at ? atoi(at + sizeof field - 1) : -1;
}

static void check(struct sim_service *v, struct slice body)
{
    char secret[200];
    snprintf(secret, sizeof secret, "client_id=app");
    if (!has(body, secret))
        complain(v, "a request without its client");
    if (!has(body,
             v->script.rotates ? "grant_type=refresh_token" : "grant_type=client_credentials"))
        complain(v, "a request of another flow");
    if (!v->script.rotates && !has(body, "client_secret="))
        complain(v, "a request without the client's secret");
}

/* ---- what it says ---- */

static struct sim_http_reply fail(struct sim_service *v, struct sim_service_request *r)
{
    static const struct sim_http_reply kinds[] = {
        {.status = 503, .body = "<html>busy</html>"},
        {.status = 200, .body = "<html>this is a captive portal</html>"},
        {.status = 200, .body = "{\"access_token\": 17}"},
        {.status = 500, .body = "{\"error\": \"server_error\"}"},
        {.status = 400, .body = "{\"error\": \"temporarily_unavailable\"}"},
        {.status = 0},
    };
    size_t which = sim_rng_below(&v->rng, 2 + sizeof kinds / sizeof *kinds);
    r->did = SIM_SERVICE_FAILED;
    if (which < sizeof kinds / sizeof *kinds) {
        struct sim_http_reply reply = kinds[which];
        reply.delay = reply.status ? (usec)sim_rng_below(&v->rng, 3000) * USEC_PER_MS : SILENCE;
        return reply;
    }
    int64_t wait = 1 + (int64_t)sim_rng_below(&v->rng, 90);
    r->not_before = r->at + wait * USEC_PER_SEC;
    return (struct sim_http_reply){.status = 429, .body = "", .retry_after = wait};
}

/* A token that was replaced and comes back was stolen: the whole grant goes. */
static struct sim_http_reply refuse(struct sim_service *v, struct sim_service_request *r)
{
    r->did = SIM_SERVICE_REFUSED;
    v->refresh = -2;
    return (struct sim_http_reply){.status = 400,
                                   .body = "{\"error\": \"invalid_grant\", \"error_description\": "
                                           "\"AADSTS50173: reused\", \"error_codes\": [50173]}"};
}

static struct sim_http_reply give(struct sim_service *v, struct sim_service_request *r)
{
    char token[SIM_TOKEN], refresh[60] = "";
    r->did = SIM_SERVICE_GAVE;
    v->given[v->ngiven] = r->at;
    sim_service_token(v->ngiven++, token);
    if (v->script.rotates)
        snprintf(refresh, sizeof refresh, ", \"refresh_token\": \"r%d\"", ++v->refresh);
    snprintf(v->body, sizeof v->body, "{\"access_token\": \"%s\", \"expires_in\": \"3599\"%s}",
             token, refresh);
    bool slow = sim_rng_chance(&v->rng, v->script.faults);
    usec delay = v->script.delay;
    if (slow)
        delay += (usec)sim_rng_below(&v->rng, 3000) * USEC_PER_MS;
    return (struct sim_http_reply){.status = 200, .body = v->body, .delay = delay};
}

static struct sim_http_reply serve(void *ctx, struct slice body)
{
    struct sim_service *v = ctx;
    if (v->nrequests == SIM_GRANTS || v->ngiven == SIM_GRANTS) {
        complain(v, "asked again and again");
        return (struct sim_http_reply){.status = 503, .body = ""};
    }
    struct sim_service_request *r = &v->requests[v->nrequests++];
    *r = (struct sim_service_request){.at = sim_now(v->sim), .shown = shown_token(body)};
    check(v, body);
    sim_say(v->sim, "token request, refresh token %d", r->shown);
    if (sim_rng_chance(&v->rng, v->script.faults))
        return fail(v, r);
    if (v->script.rotates && r->shown != v->refresh)
        return refuse(v, r);
    return give(v, r);
}

void sim_service_begin(struct sim_service *v, struct sim *sim,
                       const struct sim_service_script *script, uint64_t seed,
                       const char *client_secret)
{
    *v = (struct sim_service){.sim = sim,
                              .script = *script,
                              .rng = {seed * UINT64_C(0x9fb21c651e98df25) + 5},
                              .client_secret = client_secret};
    sim_http_serve(sim, serve, v);
    if (script->rotates)
        sim_file(sim, SIM_TOKEN_FILE, "r0\n");
}
