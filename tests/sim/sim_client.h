/* A scripted legacy client: a few messages over one connection, with bad habits, written without
 * the product's SMTP code. It keeps every reply. */
#ifndef SIM_SIM_CLIENT_H
#define SIM_SIM_CLIENT_H

#include "sim_net.h"

enum { SIM_CLIENT_MESSAGES = 6, SIM_CLIENT_RECIPIENTS = 8 };

/* how the client leaves */
enum sim_parting {
    SIM_PART_QUIT,
    /* without QUIT */
    SIM_PART_CLOSE,
    SIM_PART_RESET,
    /* FIN, then reads to the end */
    SIM_PART_HALF,
    /* the link passes nothing any more */
    SIM_PART_VANISH,
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
    /* without brackets */
    const char *from;
    const char *to[SIM_CLIENT_RECIPIENTS];
    size_t nto;
    /* of MAIL, or NULL */
    const char *parameters;
    /* said where the reply to EHLO lists DSN */
    const char *dsn_mail, *dsn_rcpt;
    /* ... SMTPUTF8 */
    bool utf8;
    /* octets before dot-stuffing, any line ends; the client adds a CRLF at the end if there is
     * none */
    const char *body;
    size_t len;
    bool rset_before;
};

struct sim_client_script {
    /* the product's listener */
    const char *at;
    /* address, or NULL */
    const char *source;
    /* HELO instead of EHLO */
    bool helo;
    /* commands end in a bare LF */
    bool bare_lf;
    /* bodies have bare LF only, dots are stuffed after it, LF.LF ends them (listener: line_endings
     * = lf) */
    bool lf;
    /* MAIL RCPT… DATA in one flight */
    bool pipelining;
    /* the whole dialog in one flight, before the greeting, whatever is answered */
    bool blast;
    /* QUIT right behind the last dot */
    bool quit_behind;
    /* FIN behind the last octet of blast or quit_behind, and reads on */
    bool half;
    /* never reads */
    bool deaf;
    /* may be told anything: the product may send it away */
    bool excused;
    /* says this `junk_times` times instead of SMTP, and waits to be thrown out */
    const char *junk;
    size_t junk_len;
    unsigned junk_times;
    /* and the next MAIL right behind the dot */
    bool eager;
    /* bytes per write; 0: all at once */
    size_t piece;
    /* between such writes */
    usec gap;
    /* before each message */
    usec pause;
    /* after each answer to RCPT, before it says another or DATA */
    usec think;
    /* silence after which it gives up; 0: ten minutes */
    usec patience;
    struct sim_message messages[SIM_CLIENT_MESSAGES];
    size_t n;
    /* in the last message; NEVER: after all */
    enum sim_client_step parts_at;
    /* octets of the body, for IN_BODY */
    size_t parts_after;
    enum sim_parting parting;
};

/* of one message; codes are 0 while unanswered */
struct sim_outcome {
    int mail, rcpt[SIM_CLIENT_RECIPIENTS], data, final;
    /* the last refusal, or the final reply */
    char text[600];
    bool used_dsn, used_utf8;
    /* every octet of the end of data was handed to the network */
    bool began, sent_dot;
    /* when the final reply came */
    usec acked;
};

struct sim_client;
/* Connects after `delay`. Copies the script, borrows its strings. */
struct sim_client *sim_client_new(struct sim *sim, const struct sim_client_script *script,
                                  usec delay);
void sim_client_free(struct sim_client **c);
/* has left or was left; sees the product's end of the connection too */
bool sim_client_is_done(const struct sim_client *c);
const struct sim_client_script *sim_client_script(const struct sim_client *c);
const struct sim_outcome *sim_client_outcome(const struct sim_client *c, size_t message);
/* everything it was told, as it came */
const char *sim_client_replies(const struct sim_client *c);
/* what the product did wrong as a server, or NULL */
const char *sim_client_complaint(const struct sim_client *c);
/* false: the connect was refused */
bool sim_client_got_in(const struct sim_client *c);
/* its flight met a refusal, and its body was read as commands */
bool sim_client_is_lost(const struct sim_client *c);
/* closed without a word while an answer was due */
bool sim_client_was_cut_off(const struct sim_client *c);
/* out of patience */
bool sim_client_gave_up(const struct sim_client *c);

/* Appends a body with dots stuffed after the client's line end, and that line end where the body
 * lacks it. lf: the client's line end is LF. */
void sim_stuff(struct buf *out, const char *body, size_t len, bool lf);
/* What RFC 5321 and PROMISES 6 make of octets that a client sent: canonical text. lf: the client's
 * line end is LF. Gives; *len_r octets. */
char *sim_canonical(const char *octets, size_t len, bool lf, size_t *len_r);

#endif
