/* A scripted submission server, strict about its client and written without the product's SMTP
 * code. What it takes goes into a ledger; what its client does wrong goes into a list of
 * complaints. A script is data: switches, rules and faults. */
#ifndef SIM_SIM_UPSTREAM_H
#define SIM_SIM_UPSTREAM_H

#include "sim_net.h"

/* where a fault may strike: each names the answer that is due there */
enum sim_step {
    SIM_AT_GREETING,
    /* before TLS */
    SIM_AT_EHLO,
    SIM_AT_STARTTLS,
    /* after TLS */
    SIM_AT_EHLO_AGAIN,
    /* the last answer of AUTH */
    SIM_AT_AUTH,
    SIM_AT_MAIL,
    SIM_AT_RCPT,
    SIM_AT_DATA,
    /* once `bytes` octets of DATA body or BDAT payload have come */
    SIM_AT_BODY,
    /* BDAT without LAST */
    SIM_AT_CHUNK,
    /* the dot, or BDAT LAST */
    SIM_AT_VERDICT,
    SIM_AT_RSET,
    SIM_AT_QUIT,
    /* `delay` after an authenticated session has nothing to do */
    SIM_AT_IDLE,
    SIM_STEP_COUNT
};

enum sim_fault {
    SIM_FAULT_NONE,
    /* FIN instead of the answer */
    SIM_FAULT_CLOSE,
    SIM_FAULT_RESET,
    /* never answers again, but reads */
    SIM_FAULT_STALL,
    /* the link passes nothing from here on */
    SIM_FAULT_HOLE,
    /* answers `text` (whole lines) instead; a 421 closes */
    SIM_FAULT_REPLY,
    /* answers a byte at a time, a millisecond between */
    SIM_FAULT_DRIP,
    /* answers twice */
    SIM_FAULT_TWICE,
    /* answers `delay` later */
    SIM_FAULT_SLOW,
    /* answers, then FIN: dies between this and the next command or chunk */
    SIM_FAULT_LAST,
    /* answers with 10,000 continuation lines before the last */
    SIM_FAULT_LINES,
    /* a megabyte without a line end instead */
    SIM_FAULT_FLOOD,
    SIM_FAULT_COUNT
};

struct sim_fault_rule {
    enum sim_step step;
    enum sim_fault fault;
    /* so many such steps on this server pass first */
    unsigned skip;
    /* then so many are struck; 0: all */
    unsigned times;
    /* at VERDICT: the message is taken all the same (the duplicate window of RFC 1047) */
    bool commits;
    const char *text;
    usec delay;
    uint64_t bytes;
};

/* the first whose text the address contains answers; "<>" is the null sender alone */
struct sim_address_rule {
    const char *contains;
    /* a whole line without CRLF */
    const char *reply;
};

enum { SIM_RULES = 8 };

enum sim_token_error { SIM_TOKEN_CHALLENGE, SIM_TOKEN_PLAIN_535 };

struct sim_upstream_script {
    /* before every answer */
    usec delay;
    /* without CRLF */
    const char *greeting;
    /* TLS first */
    bool implicit;
    bool starttls, pipelining, chunking, eightbit, smtputf8, dsn, enhanced;
    bool has_size;
    /* 0: announced without limit; over: 552 */
    uint64_t size;
    /* CHUNKING is announced, BDAT is answered 500 and its payload read as commands */
    bool bdat_unknown;
    /* It takes so many BDATs and then knows the command no more, behind the same EHLO: another
     * machine under the same name. 0: it never forgets. */
    unsigned bdat_forgotten_after;
    /* What it says to a BDAT that it does not know, without CRLF. NULL: 500. */
    const char *bdat_reply;
    /* LF.LF ends a message here too: what smuggling aims at */
    bool loose;
    /* more EHLO keywords, '\n' between */
    const char *extra;
    /* after TLS, or on a clear server; NULL: AUTH is not offered */
    const char *mechanisms;
    /* NULL: anybody is let in, and MAIL needs no AUTH */
    const char *user, *password;
    /* `password` is right for anybody. */
    bool any_user;
    /* A login whose user's name contains this is refused, whatever else is right. NULL: none. */
    const char *refused_user;
    /* Or NULL: instead of `password`, for tokens. */
    bool (*takes)(void *ctx, const char *token);
    void *takes_ctx;
    /* to right credentials, NULL: 235 */
    const char *auth_reply;
    /* How it refuses a token: in a challenge first, or with 535 at once. */
    enum sim_token_error token_error;
    /* An initial response of more octets with a token is not read: it says this, without CRLF.
     * NULL: 500. 0 octets: there is no limit. */
    size_t longest_initial;
    const char *long_reply;
    /* sessions that it lets in; 0: any number. Beyond: */
    unsigned cap;
    /* ... at the greeting, EHLO, AUTH or MAIL */
    enum sim_step cap_at;
    /* ... it says this, without CRLF. A 421 closes */
    const char *cap_reply;
    /* a reply too many, in clear, behind the 220 to STARTTLS */
    bool injects;
    struct sim_tls_server tls;
    /* this really is the server the account means; false: an impostor or an interception */
    bool genuine;
    /* which account of the plan it serves */
    unsigned account;
    /* the config allows unprotected submission here: for the oracle */
    bool may_be_clear;
    struct sim_address_rule mail[SIM_RULES], rcpt[SIM_RULES];
    struct sim_fault_rule faults[SIM_RULES];
};

/* NULL: no rule speaks of it. */
const char *sim_rule_reply(const struct sim_address_rule *rules, const char *address);

/* A kind server: STARTTLS, PLAIN LOGIN, everything announced, certificate for `name` by
 * "public". */
struct sim_upstream_script sim_upstream_kind(const char *name, const char *user,
                                             const char *password);

/* one message that was taken */
struct sim_mail {
    char *from;
    /* recipients accepted */
    char **to;
    size_t nto;
    /* of MAIL */
    char *parameters;
    /* of the first RCPT that had any */
    char *to_parameters;
    /* the server had announced it */
    bool dsn;
    /* the server's */
    unsigned account;
    struct buf body;
    usec when;
    uint16_t port;
    size_t session;
    bool sealed, genuine, authenticated, may_be_clear;
    /* a service over HTTPS took it, which knows no sender */
    bool by_api;
    /* the 2xx went out (into the socket) */
    bool answered;
};

/* one AUTH attempt */
struct sim_login {
    char *user, *password;
    size_t session;
    usec when;
    uint16_t port;
    unsigned account;
    bool sealed, genuine;
    /* 0: not answered */
    int code;
};

/* shared by all servers of a world */
struct sim_ledger {
    struct sim_mail *mails;
    size_t nmails;
    struct sim_login *logins;
    size_t nlogins;
    /* what the product did wrong as a client */
    char **complaints;
    size_t ncomplaints;
    /* connections accepted */
    size_t sessions;
};

struct sim_ledger *sim_ledger_new(void);
void sim_ledger_free(struct sim_ledger **ledger);

struct sim_upstream;
/* Listens at "address:port"; keeps the ledger, copies the script, borrows its strings. */
struct sim_upstream *sim_upstream_new(struct sim *sim, struct sim_ledger *ledger, const char *at,
                                      const struct sim_upstream_script *script);
/* closes its sessions */
void sim_upstream_free(struct sim_upstream **u);
/* to change it in mid-history */
struct sim_upstream_script *sim_upstream_script(struct sim_upstream *u);
/* open now */
size_t sim_upstream_sessions(const struct sim_upstream *u);
/* faults that really struck */
unsigned sim_upstream_struck(const struct sim_upstream *u);
/* how often its cap was met */
unsigned sim_upstream_capped(const struct sim_upstream *u);
const char *sim_step_name(enum sim_step step);
const char *sim_fault_name(enum sim_fault fault);

#endif
