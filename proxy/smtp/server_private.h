/* What the files of the server half share. Nobody else includes this.
 *
 * One pump (server.c) runs from the loop only: on stream events, and in a deferred call after anything a handler did. So no handler is ever called from inside
 * server_answer and its like. A step of the pump does one thing: a command line, or a piece of the body. What it says decides what the session waits for. */
#ifndef SMTP_SERVER_PRIVATE_H
#define SMTP_SERVER_PRIVATE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/secret.h"
#include "io/io.h"
#include "io/loop.h"
#include "io/stream.h"
#include "smtp/server.h"
#include "wire/command.h"
#include "wire/dot.h"
#include "wire/params.h"

enum server_step {
    STEP_DONE,         /* something was done: another step may follow */
    STEP_NEEDS_CLIENT, /* the client must send more: its clock runs */
    STEP_NEEDS_READER, /* the client must read its answers first: its clock runs too */
    STEP_NEEDS_ANSWER, /* a handler owes an answer or holds the body: no clock of ours runs */
};

enum tls_progress {
    TLS_CLEAR,
    TLS_DUE,   /* STARTTLS was read: its 220 and the handshake follow once the line is consumed */
    TLS_BEGUN, /* the handshake runs, and nothing else */
    TLS_SECURE,
};

enum sasl { SASL_NONE, SASL_PLAIN, SASL_USER, SASL_PASSWORD }; /* which response the next line is */

enum swallowing { SWALLOW_NOTHING, SWALLOW_COMMAND, SWALLOW_AUTH }; /* the rest of an overlong line */

enum body_fate { BODY_WANTED, BODY_OVERRUN, BODY_REFUSED };

struct body { /* exists from the 354 to the end of data */
    struct dot_decoder decoder;
    enum body_fate fate;
    bool over; /* the end of data was seen, but the handler still holds the body */
    bool refusal_is_ours;
    int refusal_code;
    struct buf refusal;     /* the whole reply for the dot when fate is BODY_REFUSED */
    usec window_start;      /* the data rate is measured in windows of a minute */
    uint64_t window_octets; /* as they came from the client */
};

struct server {
    const struct io *io;
    const struct server_settings *settings;
    const struct server_handlers *handlers;
    void *ctx;
    struct stream *stream; /* NULL once ended */
    struct timer *clock;   /* the client's silence; server_clock.c */
    usec quiet_since;      /* the client's last completed command or octet of a body */
    struct deferred turn;
    struct server_client client; /* helo and user in it are ours */
    struct params_offer offered; /* by this session's EHLO reply */
    struct link commands;        /* struct server_command, in the order in which they came */
    unsigned pending;            /* how many */
    struct body *body;           /* NULL: we are reading commands */
    char *message_id;            /* or NULL */
    char *why;                   /* why it ended; NULL while it has not */
    unsigned recipients;         /* accepted in this transaction */
    unsigned recipients_pending; /* RCPTs that a handler has not answered */
    unsigned junk, errors;       /* since the last delivered message */
    enum tls_progress tls;
    enum sasl sasl;
    struct secret *sasl_user; /* LOGIN: the name, while its password is awaited. A secret, for people put passwords there */
    unsigned failed_logins;
    bool logged_in; /* AUTH succeeded, or was accepted unseen */
    bool greeted;
    bool said_hello;
    bool transaction;       /* MAIL was answered 2xx */
    bool data_refused;      /* the last command was a DATA without 354: a client that did not wait may be sending its text now */
    bool refused_by_others; /* a RCPT of this transaction was, and not for the client's own fault */
    enum swallowing swallowing;
    bool held; /* the handler wants no body now */
    bool draining;
    bool told; /* closed() was called */
};

/* --- server.c */
void server_schedule(struct server *s); /* the pump runs once more before the loop sleeps */
/* Ends the session after what is queued has left; closed(why) follows at the end of the turn. Copies why. Later calls change nothing. */
void server_end(struct server *s, const char *why);
void server_cut(struct server *s, const char *why); /* the same, but what is queued is lost */
void server_farewell(struct server *s, int code, const char *enhanced, const char *text, const char *why); /* says it, then ends */

/* --- server_clock.c */
void server_clock_fired(void *server);
void server_clock_update(struct server *s, enum server_step waits_for); /* after the pump */
void server_clock_heard(struct server *s, size_t body_octets);          /* a command was completed (0) or octets of a body came */

/* --- server_queue.c */
enum ticket { TICKET_REPLY /* answered at birth */, TICKET_MAIL, TICKET_RCPT, TICKET_DATA, TICKET_END_OF_DATA, TICKET_LOGIN };
struct server_command *server_ticket(struct server *s, enum ticket kind);
enum server_step server_queue_state(const struct server *s); /* STEP_DONE: one more command may be read, a RCPT at least */
void server_queue_flush(struct server *s);                   /* sends what is answered, up to the first command that is not */
void server_queue_free(struct server *s);                    /* voids every ticket */
/* Our own answer to the command that is being read, in its turn. With the message's id where there is one. Ours of 500 and above count as the client's errors. */
void server_say(struct server *s, int code, const char *enhanced, const char *text);
/* The same where what is wrong is not of the client's making. */
void server_say_blameless(struct server *s, int code, const char *enhanced, const char *text);
void server_note(struct server *s, int code, const char *enhanced, const char *text,
                 bool goodbye); /* tells told(), where it concerns a message */
/* Appends that answer to `out`. */
bool server_format_own(struct server *s, struct buf *out, int code, const char *enhanced, const char *text) MUST_USE;
void server_write(struct server *s, struct slice reply); /* cuts a client that reads none of its answers */
void server_count_error(struct server *s, int code, bool from_upstream);
void server_transaction_over(struct server *s); /* forgets recipients and the message's id; calls nobody */

/* --- server_verbs.c */
enum server_step server_read_command(struct server *s);
enum intruder {
    INTRUDER_NONE,
    INTRUDER_PERHAPS, /* too few bytes to tell */
    INTRUDER_TLS,
    INTRUDER_PROXY_V2,
    INTRUDER_PROXY_V1,
    INTRUDER_HTTP,
    INTRUDER_HEADER, /* of a message, or of an HTTP request whose first line we did not know */
    INTRUDER_TEXT,   /* of a message whose DATA was refused */
};
void server_throw_out(struct server *s, enum intruder who);

/* --- server_cmd_*.c: one function per verb; args are those of the command, borrowed */
typedef void server_verb_fn(struct server *s, const struct command *command);
server_verb_fn server_do_ehlo, server_do_helo;
server_verb_fn server_do_mail, server_do_rcpt, server_do_rset;
server_verb_fn server_do_data, server_do_bdat;
server_verb_fn server_do_noop, server_do_vrfy, server_do_expn, server_do_help, server_do_quit;
server_verb_fn server_do_starttls, server_do_auth;
/* Our own answer, as server_say. Where it ends the hopes of a message before any handler saw it, mail_refused() hears of it. */
void server_refuse(struct server *s, const struct command *command, int code, const char *enhanced, const char *text);
void server_reset(struct server *s); /* ends an open transaction, and tells the handler */

/* --- server_cmd_starttls.c */
bool server_tls_offered(const struct server *s); /* STARTTLS may be said now */
void server_tls_begin(struct server *s);         /* TLS_DUE, or the start of an implicit session: the handshake begins */
void server_tls_done(struct server *s);
void server_tls_failed(struct server *s, const char *words);

/* --- server_cmd_auth.c */
bool server_auth_offered(const struct server *s);           /* AUTH is in this session's EHLO reply, if one came now */
void server_sasl_line(struct server *s, struct slice line); /* a response, where s->sasl awaits one */
void server_sasl_over(struct server *s, int code, const char *enhanced, const char *text); /* the exchange ends with this answer */
void server_login_verdict(struct server *s, enum server_login verdict);
void server_auth_forget(struct server *s); /* nobody is logged in any more */

/* --- server_cmd_data.c */
void server_body_begin(struct server *s); /* the 354 was said */
void server_body_free(struct server *s);
enum server_step server_read_body(struct server *s);

#endif
