/* The state of a port (PROMISES 5): a name for programs, a sentence for people. */
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
    FINDING_API,
    FINDING_COUNT
};

/* Returns "timeout-connect" and so on. */
const char *finding_name(enum finding f);
/* Returns the finding for a 4xx or 5xx reply to AUTH. */
enum finding finding_of_auth_code(int code);
/* Returns whether a reply to a command other than AUTH says that our login is not valid. Then the
 * account rests, and the client does not get the reply. This is the one place that decides it. */
bool reply_revokes_login(const struct reply *reply);
/* Returns whether it counts for PROMISES 7, row 451 4.7.5. */
bool finding_is_tls(enum finding f);

/* A property that the findings of a kind share, for code that needs no more than that. */
enum finding_kind {
    FINDING_KIND_OTHER,
    /* Counts for PROMISES 7, row 451 4.7.5. */
    FINDING_KIND_TLS,
    /* Something on the way drops the port's traffic. Doctor says this before it says what works. */
    FINDING_KIND_NETWORK,
    /* An upstream that restarts shows it, too. */
    FINDING_KIND_AT_ONCE,
};

/* Doctor's advice: a paragraph about some keys (app/doctor_print.c). */
enum finding_advice {
    FINDING_ADVICE_NOTHING,
    FINDING_ADVICE_PORTS,
    FINDING_ADVICE_MODE,
    FINDING_ADVICE_LOGIN,
    /* The advice is about password_command. */
    FINDING_ADVICE_COMMAND,
    FINDING_ADVICE_MECHANISM,
    /* The advice is about the login by token. */
    FINDING_ADVICE_TOKEN,
    FINDING_ADVICE_CERTIFICATE,
    /* The certificate is out of its time, names another host, or has an untrusted issuer. */
    FINDING_ADVICE_CLOCK,
    FINDING_ADVICE_NAME,
    FINDING_ADVICE_ISSUER,
    /* The advice is about the packet filter of this machine. */
    FINDING_ADVICE_FIREWALL,
    FINDING_ADVICE_HOST,
    FINDING_ADVICE_PROXY,
    FINDING_ADVICE_API,
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
    /* The name for programs. */
    const char *name;
    enum finding_kind kind;
    finding_sentence *says;
    /* Doctor's verdict on one port, and on many, where "%s" are their numbers. NULL if there is
     * nothing to say. */
    const char *one, *many;
    enum finding_advice advice;
};
const struct finding_row *finding_row(enum finding f);

/* One port of one account, as last seen. */
struct port_report {
    struct port port;
    enum finding finding;
    /* The address that got furthest. Family NONE means none. */
    struct addr address;
    /* The time from the start of the attempt to the finding. */
    usec took;
    /* The loop time of the last session that was authenticated here. 0 if there was none since the
     * start. */
    usec proven;
    /* The wall clock of the last change of the finding. 0 if the port was never tried. */
    int64_t since_ms;
    /* The peer has sent at least one byte (PROMISES 7, row 451 4.7.5). */
    bool saw_bytes;
    /* This machine itself refused the connection, which never left it. */
    bool is_local;
    /* An administrator can act on this sentence. It is one line and holds no secret. */
    char words[400];
};

/* The parts of the sentence. Everything is borrowed. An unknown part is NULL. */
struct finding_detail {
    enum finding finding;
    struct port port;
    /* The upstream's name as configured. */
    const char *host;
    /* The name that a certificate must have if it is not the host. NULL otherwise. */
    const char *expected;
    const struct addr *address;
    /* The error from the lower rooms. */
    const struct err *err;
    /* The reason why a session ended, without the stage. */
    const char *cause;
    /* Not-smtp: the peer speaks TLS from the first byte. */
    bool speaks_tls;
    const struct reply *reply;
    const struct tls_facts *facts;
    const struct ehlo *ehlo;
    /* As configured. */
    enum auth_choice auth;
    /* For a refused login. login_words may be NULL or "". */
    enum smtp_client_login_refusal login;
    const char *login_words;
    /* The mechanism of a port that works, or "". */
    const char *mechanism;
    /* Timeout-greeting: the greeting came, and EHLO was not answered. */
    bool greeted;
    /* Timeout-auth: another port's login was unanswered, so this port was never asked. */
    bool at_gate;
    /* Reset and not-smtp: where the session was. */
    enum smtp_client_stage stage;
    /* Unix time, for "expired 3 days ago". */
    int64_t now_s;
};

void finding_words(const struct finding_detail *d, char *out, size_t size);

/* Returns the finding of a session that ended before it was ready. `timeout` is what silence means
 * at the point where the attempt was. */
enum finding finding_of_failure(const struct smtp_client_failure *failure, enum finding timeout);
/* Returns the finding of a connection that ended before SMTP began. */
enum finding finding_of_err(const struct err *err);

#endif
