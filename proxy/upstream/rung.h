/* A rung of the ladder: one port of one account, how it is spoken to, and what it last turned out
 * to be. */
#ifndef UPSTREAM_RUNG_H
#define UPSTREAM_RUNG_H

#include "smtp/client.h"
#include "upstream/env.h"
#include "upstream/finding.h"

/* What a session's beginning showed, for doctor and the status page. */
struct sight {
    bool has_tls;
    /* also of a handshake that failed, as far as it got */
    struct tls_facts tls;
    /* mechanisms, as the last EHLO announced them */
    char offered[200];
    /* the one that was used; "" none */
    char mechanism[24];
};

struct rung {
    /* in the order of preference */
    size_t index;
    /* borrowed by the sessions on this port */
    struct smtp_client_settings settings;
    /* "host:port" */
    char *resume_key;
    struct port_report *report;
    /* loop time of the last finding, or of a race lost */
    usec tried;
    /* a session died on it before it completed anything: others go first */
    bool blamed;
    /* it is this proxy itself */
    bool loops;
    /* its finding came at once, as of an upstream that restarts */
    bool at_once;
    /* of the attempt that got furthest, the last time */
    struct sight sight;
};

/* report: where its report lives; kept. helo and tls are borrowed. */
void rung_init(struct rung *r, size_t index, struct port_report *report,
               const struct upstream_env *env, const char *helo, struct tls_context *tls);
void rung_free(struct rung *r);

/* What one attempt, or all attempts of a port, came to. */
struct attempt_result {
    enum finding finding;
    struct addr address;
    usec took;
    bool saw_bytes;
    bool is_local;
    bool loops;
    bool at_once;
    /* The reply by which the upstream may mean how many sessions it lets us have; "" none. */
    char full[160];
    /* how far it got */
    unsigned steps;
    char words[400];
    struct sight sight;
};

/* Writes the report, and one line to the log when the finding is another than before. */
void rung_report(struct rung *r, const struct upstream_env *env,
                 const struct attempt_result *result);

/* "587 timeout-connect, 2525 refused" */
const char *rungs_summary(const struct rung *rungs, size_t n, char *out, size_t size);

#endif
