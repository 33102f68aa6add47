/* What a port turned out to be (PROMISES 5): a name for programs, a sentence for people. */
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
    FINDING_TOKEN,
    FINDING_PROXY,
    FINDING_COUNT
};

/* "timeout-connect" */
const char *finding_name(enum finding f);
/* of a 4xx or 5xx to AUTH */
enum finding finding_of_auth_code(int code);
/* Whether a reply to another command than AUTH says that our login is worth nothing: the account
 * rests, and no client hears it. The one place that decides this. */
bool reply_revokes_login(const struct reply *reply);
/* counts for PROMISES 7, row 451 4.7.5 */
bool finding_is_tls(enum finding f);

/* What the findings of a kind have in common, for who does not care which it is. */
enum finding_kind {
    FINDING_KIND_OTHER,
    /* counts for PROMISES 7, row 451 4.7.5 */
    FINDING_KIND_TLS,
    /* Something on the way swallows the port: doctor says so before it says what works. */
    FINDING_KIND_NETWORK,
    /* an upstream that restarts shows it, too */
    FINDING_KIND_AT_ONCE,
};

/* What doctor advises: a paragraph about some keys (app/doctor_print.c). */
enum finding_advice {
    FINDING_ADVICE_NOTHING,
    FINDING_ADVICE_PORTS,
    FINDING_ADVICE_MODE,
    FINDING_ADVICE_LOGIN,
    /* password_command */
    FINDING_ADVICE_COMMAND,
    FINDING_ADVICE_MECHANISM,
    /* the login by token */
    FINDING_ADVICE_TOKEN,
    FINDING_ADVICE_CERTIFICATE,
    /* by the certificate's fault: it is out of its time; another's name; another issuer's */
    FINDING_ADVICE_CLOCK,
    FINDING_ADVICE_NAME,
    FINDING_ADVICE_ISSUER,
    /* this machine's own packet filter */
    FINDING_ADVICE_FIREWALL,
    FINDING_ADVICE_HOST,
    FINDING_ADVICE_PROXY,
    FINDING_ADVICE_HELO,
    FINDING_ADVICE_TIMEOUT,
    FINDING_ADVICE_STRANGER,
    FINDING_ADVICE_LATER,
};

struct finding_detail;
struct sentence;
typedef void finding_sentence(struct sentence *s, const struct finding_detail *d);

/* A new finding is an enumerator, a row in finding_table.c and a sentence in finding_words.c. */
struct finding_row {
    /* for programs */
    const char *name;
    enum finding_kind kind;
    finding_sentence *says;
    /* Doctor's verdict on one port, and on many: "%s" are their numbers. NULL where there is
     * nothing to say. */
    const char *one, *many;
    enum finding_advice advice;
};
const struct finding_row *finding_row(enum finding f);

/* one port of one account, as last seen */
struct port_report {
    struct port port;
    enum finding finding;
    /* the one that got furthest; family NONE: none */
    struct addr address;
    /* from the start of the attempt to the finding */
    usec took;
    /* loop time of the last session authenticated here; 0: none since the start */
    usec proven;
    /* wall clock of the last change of finding; 0: never tried */
    int64_t since_ms;
    /* the peer ever sent any byte (PROMISES 7, row 451 4.7.5) */
    bool saw_bytes;
    /* Refused by this machine itself: the connection never left it. */
    bool is_local;
    /* a sentence an admin can act on, without secrets, one line */
    char words[400];
};

/* What the sentence is made of. All borrowed; what is not known is NULL. */
struct finding_detail {
    enum finding finding;
    struct port port;
    /* the upstream's name as configured */
    const char *host;
    /* the name that a certificate must bear, when it is not the host; or NULL */
    const char *expected;
    const struct addr *address;
    /* what the lower rooms said */
    const struct err *err;
    /* of a session: the same without the stage */
    const char *cause;
    /* for not-smtp: TLS from the first byte */
    bool speaks_tls;
    const struct reply *reply;
    const struct tls_facts *facts;
    const struct ehlo *ehlo;
    /* as configured */
    enum auth_choice auth;
    /* of a refused login; login_words: NULL or "" none */
    enum smtp_client_login_refusal login;
    const char *login_words;
    /* of a port that works; "" none */
    const char *mechanism;
    /* for timeout-greeting: the greeting came, EHLO went unanswered */
    bool greeted;
    /* for timeout-auth: another port's login was unanswered, so this one was never asked */
    bool at_gate;
    /* for reset and not-smtp */
    enum smtp_client_stage stage;
    /* Unix time, for "expired 3 days ago" */
    int64_t now_s;
};

void finding_words(const struct finding_detail *d, char *out, size_t size);

/* The finding of a session that ended short of ready. timeout: what silence means at the point that
 * the attempt had reached. */
enum finding finding_of_failure(const struct smtp_client_failure *failure, enum finding timeout);
/* The finding of a connection that died before SMTP began. */
enum finding finding_of_err(const struct err *err);

#endif
