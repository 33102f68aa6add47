/* A scripted legacy client: a few messages over one connection, with bad habits, written without the product's SMTP code. It keeps every reply. */
#ifndef SIM_SIM_CLIENT_H
#define SIM_SIM_CLIENT_H

#include "sim_net.h"

enum { SIM_CLIENT_MESSAGES = 6, SIM_CLIENT_RECIPIENTS = 8 };

enum sim_parting { /* how the client leaves */
                   SIM_PART_QUIT,
                   SIM_PART_CLOSE, /* without QUIT */
                   SIM_PART_RESET,
                   SIM_PART_HALF,   /* FIN, then reads to the end */
                   SIM_PART_VANISH, /* the link passes nothing any more */
};

enum sim_client_step {
    SIM_CLIENT_GREETED,
    SIM_CLIENT_SAID_HELLO,
    SIM_CLIENT_SENT_MAIL,
    SIM_CLIENT_SENT_RCPT,
    SIM_CLIENT_SENT_DATA,
    SIM_CLIENT_IN_BODY,
    SIM_CLIENT_SENT_DOT,
    SIM_CLIENT_NEVER
};

struct sim_message {
    const char *from; /* without brackets */
    const char *to[SIM_CLIENT_RECIPIENTS];
    size_t nto;
    const char *parameters;          /* of MAIL, or NULL */
    const char *dsn_mail, *dsn_rcpt; /* said where the reply to EHLO lists DSN */
    bool utf8;                       /* ... SMTPUTF8 */
    const char *body;                /* octets before dot-stuffing, any line ends; the client adds a CRLF at the end if there is none */
    size_t len;
    bool rset_before;
};

struct sim_client_script {
    const char *at;     /* the product's listener */
    const char *source; /* address, or NULL */
    bool helo;          /* HELO instead of EHLO */
    bool bare_lf;       /* commands end in a bare LF */
    bool lf;            /* bodies have bare LF only, dots are stuffed after it, LF.LF ends them (listener: line_endings = lf) */
    bool pipelining;    /* MAIL RCPT… DATA in one flight */
    bool blast;         /* the whole dialog in one flight, before the greeting, whatever is answered */
    bool quit_behind;   /* QUIT right behind the last dot */
    bool half;          /* FIN behind the last octet of blast or quit_behind, and reads on */
    bool deaf;          /* never reads */
    bool excused;       /* may be told anything: the product may send it away */
    const char *junk;   /* says this `junk_times` times instead of SMTP, and waits to be thrown out */
    size_t junk_len;
    unsigned junk_times;
    bool eager;    /* and the next MAIL right behind the dot */
    size_t piece;  /* bytes per write; 0: all at once */
    usec gap;      /* between such writes */
    usec pause;    /* before each message */
    usec patience; /* silence after which it gives up; 0: ten minutes */
    struct sim_message messages[SIM_CLIENT_MESSAGES];
    size_t n;
    enum sim_client_step parts_at; /* in the last message; NEVER: after all */
    size_t parts_after;            /* octets of the body, for IN_BODY */
    enum sim_parting parting;
};

struct sim_outcome { /* of one message; codes are 0 while unanswered */
    int mail, rcpt[SIM_CLIENT_RECIPIENTS], data, final;
    char text[600]; /* the last refusal, or the final reply */
    bool used_dsn, used_utf8;
    bool began, sent_dot; /* every octet of the end of data was handed to the network */
    usec acked;           /* when the final reply came */
};

struct sim_client;
/* Connects after `delay`. Copies the script, borrows its strings. */
struct sim_client *sim_client_new(struct sim *sim, const struct sim_client_script *script, usec delay);
void sim_client_free(struct sim_client **c);
bool sim_client_is_done(const struct sim_client *c); /* has left or was left; sees the product's end of the connection too */
const struct sim_client_script *sim_client_script(const struct sim_client *c);
const struct sim_outcome *sim_client_outcome(const struct sim_client *c, size_t message);
const char *sim_client_replies(const struct sim_client *c);   /* everything it was told, as it came */
const char *sim_client_complaint(const struct sim_client *c); /* what the product did wrong as a server, or NULL */
bool sim_client_got_in(const struct sim_client *c);           /* false: the connect was refused */
bool sim_client_is_lost(const struct sim_client *c);          /* its flight met a refusal, and its body was read as commands */
bool sim_client_was_cut_off(const struct sim_client *c);      /* closed without a word while an answer was due */
bool sim_client_gave_up(const struct sim_client *c);          /* out of patience */

/* What RFC 5321 and PRODUCT 6 make of octets that a client sent: canonical text. lf: the client's line end is LF. Gives; *len_r octets. */
char *sim_canonical(const char *octets, size_t len, bool lf, size_t *len_r);

#endif
