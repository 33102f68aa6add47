/* What a port turned out to be (PRODUCT 5): a name for programs, a sentence for people. */
#ifndef UPSTREAM_FINDING_H
#define UPSTREAM_FINDING_H

#include "base/addr.h"
#include "config/config.h"
#include "io/tls_context.h"
#include "smtp/client.h"

enum finding {
    FINDING_UNTRIED,
    FINDING_WORKS,
    FINDING_DNS,
    FINDING_REFUSED,
    FINDING_TIMEOUT_CONNECT,
    FINDING_TIMEOUT_GREETING,
    FINDING_RESET,
    FINDING_GREETING_4XX,
    FINDING_GREETING_5XX,
    FINDING_NOT_SMTP,
    FINDING_EHLO_REFUSED,
    FINDING_NO_STARTTLS,
    FINDING_STARTTLS_REFUSED,
    FINDING_TIMEOUT_TLS,
    FINDING_TLS_HANDSHAKE,
    FINDING_CERTIFICATE,
    FINDING_AUTH_UNAVAILABLE,
    FINDING_AUTH_TEMPORARY,
    FINDING_TIMEOUT_AUTH,
    FINDING_AUTH_REFUSED,
    FINDING_PROXY,
    FINDING_COUNT
};

const char *finding_name(enum finding f);    /* "timeout-connect" */
enum finding finding_of_auth_code(int code); /* of a 4xx or 5xx to AUTH */
bool finding_is_tls(enum finding f);         /* counts for PRODUCT 7, row 451 4.7.5 */

struct port_report { /* one port of one account, as last seen */
    struct port port;
    enum finding finding;
    struct addr address; /* the one that got furthest; family NONE: none */
    usec took;           /* from the start of the attempt to the finding */
    usec proven;         /* loop time of the last session authenticated here; 0: none since the start */
    int64_t since_ms;    /* wall clock of the last change of finding; 0: never tried */
    bool saw_bytes;      /* the peer ever sent any byte (PRODUCT 7, row 451 4.7.5) */
    char words[400];     /* a sentence an admin can act on, without secrets, one line */
};

/* What the sentence is made of. All borrowed; what is not known is NULL. */
struct finding_detail {
    enum finding finding;
    struct port port;
    const char *host;     /* the upstream's name as configured */
    const char *expected; /* the name that a certificate must bear, when it is not the host; or NULL */
    const struct addr *address;
    const struct err *err; /* what the lower rooms said */
    const struct reply *reply;
    const struct tls_facts *facts;
    const struct ehlo *ehlo;
    enum auth_choice auth;   /* as configured */
    const char *mechanism;   /* of a port that works; "" none */
    bool greeted;            /* for timeout-greeting: the greeting came, EHLO went unanswered */
    bool at_gate;            /* for timeout-auth: another port's login was unanswered, so this one was never asked */
    enum client_stage stage; /* for reset and not-smtp */
    int64_t now_s;           /* Unix time, for "expired 3 days ago" */
};

/* The words of a session's error without the stage that stands before them. */
const char *finding_cause(const struct err *err, enum client_stage stage);
void finding_words(const struct finding_detail *d, char *out, size_t size);

/* The finding of a session that ended short of ready. timeout: what silence means at the point that the attempt had reached. */
enum finding finding_of_failure(const struct client_failure *failure, enum finding timeout);
/* The finding of a connection that died before SMTP began. */
enum finding finding_of_err(const struct err *err);

#endif
