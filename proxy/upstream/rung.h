/* A rung of the ladder: one port of one account, how to speak with it, and its last finding. */
#ifndef UPSTREAM_RUNG_H
#define UPSTREAM_RUNG_H

#include "smtp/carrier.h"
#include "upstream/env.h"
#include "upstream/finding.h"

struct rung;

/* The facts that the beginning of a session showed, for doctor and the status page. */
struct sight {
    bool has_tls;
    /* Also of a handshake that failed, as far as it got. */
    struct tls_facts tls;
    /* The mechanisms as the last EHLO announced them. */
    char offered[200];
    /* The mechanism that was used, or "". */
    char mechanism[24];
};

/* What the sessions of a rung `443/api` learn of it, while they send. */
struct rung_events {
    /* It refuses us, whatever the message. */
    void (*refused)(void *ctx, struct rung *rung, const char *identity, const char *words);
    /* It gave an answer that its API does not give. */
    void (*strange)(void *ctx, struct rung *rung, const char *words);
};

struct rung {
    /* Its place in the order of preference. */
    size_t index;
    /* The sessions on this port borrow it. */
    struct smtp_client_settings settings;
    /* It reads "host:port". */
    char *resume_key;
    struct port_report *report;
    /* The loop time of the last finding, or of a lost race. */
    usec tried;
    /* A session ended on it before it completed anything, so other ports go first. */
    bool blamed;
    /* It is this proxy itself. */
    bool loops;
    /* Its finding came at once, as from an upstream that restarts. */
    bool at_once;
    /* From the last attempt that got furthest. */
    struct sight sight;
    const struct rung_events *events;
    void *ctx;
};

/* Keeps report, where its findings are written. Borrows helo and tls. */
void rung_init(struct rung *r, size_t index, struct port_report *report,
               const struct upstream_env *env, const char *helo, struct tls_context *tls);
void rung_free(struct rung *r);

/* It is `443/api`. */
bool rung_is_api(const struct rung *r);
/* For the sessions of a rung `443/api`. `words` are for people: one line, printable. After the
 * first the rung is not asked for this identity until retry_auth is over. */
void rung_api_refused(struct rung *r, const char *identity, const char *words);
void rung_api_strange(struct rung *r, const char *words);

/* The result of one attempt, or of all attempts of a port. */
struct attempt_result {
    enum finding finding;
    struct addr address;
    usec took;
    bool saw_bytes;
    bool is_local;
    bool loops;
    bool at_once;
    /* The reply that may be about the number of sessions that the upstream lets us have, or "". */
    char full[160];
    /* How far it got. */
    unsigned steps;
    char words[400];
    struct sight sight;
};

/* Writes the report. Writes a line to the log if the finding is another than before. */
void rung_report(struct rung *r, const struct upstream_env *env,
                 const struct attempt_result *result);

/* Writes "587 timeout-connect, 2525 refused" and returns out. */
const char *rungs_summary(const struct rung *rungs, size_t n, char *out, size_t size);

#endif
