/* A rung of the ladder: one port of one account, how it is spoken to, and what it last turned out to be. */
#ifndef UPSTREAM_RUNG_H
#define UPSTREAM_RUNG_H

#include "smtp/client.h"
#include "upstream/env.h"
#include "upstream/finding.h"

/* What a session's beginning showed, for doctor and the status page. */
struct sight {
    bool has_tls;
    struct tls_facts tls; /* also of a handshake that failed, as far as it got */
    char offered[200];    /* mechanisms, as the last EHLO announced them */
    char mechanism[24];   /* the one that was used; "" none */
};

struct rung {
    size_t index;                    /* in the order of preference */
    struct client_settings settings; /* borrowed by the sessions on this port */
    char *resume_key;                /* "host:port" */
    struct port_report *report;
    usec tried;         /* loop time of the last finding, or of a race lost */
    bool blamed;        /* a session died on it before it completed anything: others go first */
    bool loops;         /* it is this proxy itself */
    struct sight sight; /* of the attempt that got furthest, the last time */
};

/* report: where its report lives; kept. helo and tls are borrowed. */
void rung_init(struct rung *r, size_t index, struct port_report *report, const struct upstream_env *env, const char *helo,
               struct tls_context *tls);
void rung_free(struct rung *r);

/* What one attempt, or all attempts of a port, came to. */
struct attempt_result {
    enum finding finding;
    struct addr address;
    usec took;
    bool saw_bytes;
    bool loops;
    unsigned steps; /* how far it got */
    char words[400];
    struct sight sight;
};

/* Writes the report, and one line to the log when the finding is another than before. */
void rung_report(struct rung *r, const struct upstream_env *env, const struct attempt_result *result);

/* "587 timeout-connect, 2525 refused" */
const char *rungs_summary(const struct rung *rungs, size_t n, char *out, size_t size);

#endif
