/* A scripted submission server, strict about its client and written without the product's SMTP code. What it takes goes into a ledger; what its
 * client does wrong goes into a list of complaints. A script is data: switches, rules and faults. */
#ifndef SIM_SIM_UPSTREAM_H
#define SIM_SIM_UPSTREAM_H

#include "sim_net.h"

enum sim_step { /* where a fault may strike: each names the answer that is due there */
                SIM_AT_GREETING,
                SIM_AT_EHLO, /* before TLS */
                SIM_AT_STARTTLS,
                SIM_AT_EHLO_AGAIN, /* after TLS */
                SIM_AT_AUTH,       /* the last answer of AUTH */
                SIM_AT_MAIL,
                SIM_AT_RCPT,
                SIM_AT_DATA,
                SIM_AT_BODY,    /* once `bytes` octets of DATA body or BDAT payload have come */
                SIM_AT_CHUNK,   /* BDAT without LAST */
                SIM_AT_VERDICT, /* the dot, or BDAT LAST */
                SIM_AT_RSET,
                SIM_AT_QUIT,
                SIM_AT_IDLE, /* `delay` after an authenticated session has nothing to do */
                SIM_STEP_COUNT
};

enum sim_fault {
    SIM_FAULT_NONE,
    SIM_FAULT_CLOSE, /* FIN instead of the answer */
    SIM_FAULT_RESET,
    SIM_FAULT_STALL, /* never answers again, but reads */
    SIM_FAULT_HOLE,  /* the link passes nothing from here on */
    SIM_FAULT_REPLY, /* answers `text` (whole lines) instead; a 421 closes */
    SIM_FAULT_DRIP,  /* answers a byte at a time, a millisecond between */
    SIM_FAULT_TWICE, /* answers twice */
    SIM_FAULT_SLOW,  /* answers `delay` later */
    SIM_FAULT_LAST,  /* answers, then FIN: dies between this and the next command or chunk */
    SIM_FAULT_LINES, /* answers with 10,000 continuation lines before the last */
    SIM_FAULT_FLOOD, /* a megabyte without a line end instead */
    SIM_FAULT_COUNT
};

struct sim_fault_rule {
    enum sim_step step;
    enum sim_fault fault;
    unsigned skip;  /* so many such steps on this server pass first */
    unsigned times; /* then so many are struck; 0: all */
    bool commits;   /* at VERDICT: the message is taken all the same (the duplicate window of RFC 1047) */
    const char *text;
    usec delay;
    uint64_t bytes;
};

struct sim_address_rule { /* the first whose text the address contains answers */
    const char *contains;
    const char *reply; /* a whole line without CRLF */
};

enum { SIM_RULES = 8 };

struct sim_upstream_script {
    usec delay;           /* before every answer */
    const char *greeting; /* without CRLF */
    bool implicit;        /* TLS first */
    bool starttls, pipelining, chunking, eightbit, smtputf8, dsn, enhanced;
    bool has_size;
    uint64_t size;               /* 0: announced without limit; over: 552 */
    bool bdat_unknown;           /* CHUNKING is announced, BDAT is answered 500 and its payload read as commands */
    bool loose;                  /* LF.LF ends a message here too: what smuggling aims at */
    const char *extra;           /* more EHLO keywords, '\n' between */
    const char *mechanisms;      /* after TLS, or on a clear server; NULL: AUTH is not offered */
    const char *user, *password; /* NULL: anybody is let in, and MAIL needs no AUTH */
    const char *auth_reply;      /* to right credentials, NULL: 235 */
    bool injects;                /* a reply too many, in clear, behind the 220 to STARTTLS */
    struct sim_tls_server tls;
    bool genuine;      /* this really is the server the account means; false: an impostor or an interception */
    unsigned account;  /* which account of the plan it serves */
    bool may_be_clear; /* the config allows unprotected submission here: for the oracle */
    struct sim_address_rule mail[SIM_RULES], rcpt[SIM_RULES];
    struct sim_fault_rule faults[SIM_RULES];
};

/* A kind server: STARTTLS, PLAIN LOGIN, everything announced, certificate for `name` by "public". */
struct sim_upstream_script sim_upstream_kind(const char *name, const char *user, const char *password);

struct sim_mail { /* one message that was taken */
    char *from;
    char **to; /* recipients accepted */
    size_t nto;
    char *parameters;    /* of MAIL */
    char *to_parameters; /* of the first RCPT that had any */
    bool dsn;            /* the server had announced it */
    unsigned account;    /* the server's */
    struct buf body;
    usec when;
    uint16_t port;
    size_t session;
    bool sealed, genuine, authenticated, may_be_clear;
    bool answered; /* the 2xx went out (into the socket) */
};

struct sim_login { /* one AUTH attempt */
    char *user, *password;
    usec when;
    uint16_t port;
    unsigned account;
    bool sealed, genuine;
    int code; /* 0: not answered */
};

struct sim_ledger { /* shared by all servers of a world */
    struct sim_mail *mails;
    size_t nmails;
    struct sim_login *logins;
    size_t nlogins;
    char **complaints; /* what the product did wrong as a client */
    size_t ncomplaints;
    size_t sessions; /* connections accepted */
};

struct sim_ledger *sim_ledger_new(void);
void sim_ledger_free(struct sim_ledger **ledger);

struct sim_upstream;
/* Listens at "address:port"; keeps the ledger, copies the script, borrows its strings. */
struct sim_upstream *sim_upstream_new(struct sim *sim, struct sim_ledger *ledger, const char *at, const struct sim_upstream_script *script);
void sim_upstream_free(struct sim_upstream **u);                         /* closes its sessions */
struct sim_upstream_script *sim_upstream_script(struct sim_upstream *u); /* to change it in mid-history */
size_t sim_upstream_sessions(const struct sim_upstream *u);              /* open now */
unsigned sim_upstream_struck(const struct sim_upstream *u);              /* faults that really struck */
const char *sim_step_name(enum sim_step step);
const char *sim_fault_name(enum sim_fault fault);

#endif
