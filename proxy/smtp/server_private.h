/* What the files of the server half share. Nobody else includes this.
 *
 * One pump (server.c) runs from the loop only: on stream events, and in a deferred call after
 * anything a handler did. So no handler is ever called from inside smtp_server_answer and its like. A
 * step of the pump does one thing: a command line, or a piece of the body. What it says decides
 * what the session waits for. */
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

enum smtp_server_step {
    /* something was done: another step may follow */
    STEP_DONE,
    /* the client must send more: its clock runs */
    STEP_NEEDS_CLIENT,
    /* the client must read its answers first: its clock runs too */
    STEP_NEEDS_READER,
    /* a handler owes an answer or holds the body: no clock of ours runs */
    STEP_NEEDS_ANSWER,
};

enum tls_progress {
    TLS_CLEAR,
    /* STARTTLS was read: its 220 and the handshake follow once the line is consumed */
    TLS_DUE,
    /* the handshake runs, and nothing else */
    TLS_BEGUN,
    TLS_SECURE,
};

/* Which response the next line is. SASL_PLAIN stands for every mechanism of which one response is
 * awaited. */
enum sasl_stage { SASL_NONE, SASL_PLAIN, SASL_USER, SASL_PASSWORD };

/* the rest of an overlong line */
enum swallowing { SWALLOW_NOTHING, SWALLOW_COMMAND, SWALLOW_AUTH };

enum body_fate { BODY_WANTED, BODY_OVERRUN, BODY_REFUSED };

/* exists from the 354 to the end of data */
struct body {
    struct dot_decoder decoder;
    enum body_fate fate;
    /* the end of data was seen, but the handler still holds the body */
    bool over;
    bool refusal_is_ours;
    int refusal_code;
    /* the whole reply for the dot when fate is BODY_REFUSED */
    struct buf refusal;
    /* the data rate is measured in windows of a minute */
    usec window_start;
    /* as they came from the client */
    uint64_t window_octets;
};

struct smtp_server {
    const struct io *io;
    const struct smtp_server_settings *settings;
    const struct smtp_server_handlers *handlers;
    void *ctx;
    /* NULL once ended */
    struct stream *stream;
    /* or NULL */
    struct lingering *lingers_among;
    /* the client's silence; server_clock.c */
    struct timer *clock;
    /* The client's last progress; what it waited for an answer since is left out. */
    usec quiet_since;
    /* How long that had been when the clock stopped. */
    usec quiet_for;
    struct deferred turn;
    /* helo and user in it are ours */
    struct smtp_server_client client;
    /* by this session's EHLO reply */
    struct params_offer offered;
    /* struct smtp_server_command, in the order in which they came */
    struct link commands;
    /* how many */
    unsigned pending;
    /* NULL: we are reading commands */
    struct body *body;
    /* or NULL */
    char *message_id;
    /* why it ended; NULL while it has not */
    char *why;
    /* accepted in this transaction */
    unsigned recipients;
    /* RCPTs that a handler has not answered */
    unsigned recipients_pending;
    /* since the last delivered message */
    unsigned junk, errors;
    enum tls_progress tls;
    enum sasl_stage sasl;
    /* LOGIN: the name, while its password is awaited. A secret, for people put passwords there */
    struct secret *sasl_user;
    unsigned failed_logins;
    /* AUTH succeeded, or was accepted unseen */
    bool logged_in;
    bool greeted;
    bool said_hello;
    /* MAIL was answered 2xx */
    bool transaction;
    /* the last command was a DATA without 354: a client that did not wait may be sending its text
     * now */
    bool data_refused;
    /* a RCPT of this transaction was, and not for the client's own fault */
    bool refused_by_others;
    enum swallowing swallowing;
    /* the handler wants no body now */
    bool held;
    bool draining;
    /* closed() was called */
    bool told;
};

/* --- server.c */
/* the pump runs once more before the loop sleeps */
void smtp_server_schedule(struct smtp_server *s);

/* --- server_end.c */
/* Ends the session after what is queued has left; closed(why) follows at the end of the turn.
 * Copies why. Later calls change nothing. */
void smtp_server_end(struct smtp_server *s, const char *why);
/* the same, but what is queued is lost */
void smtp_server_cut(struct smtp_server *s, const char *why);
/* says it, then ends */
void smtp_server_farewell(struct smtp_server *s, int code, const char *enhanced, const char *text,
                          const char *why);
/* Once, from the loop: the handler hears of the end, and the memory goes. */
void smtp_server_tell_closed(struct smtp_server *s);
/* Whether the client may do no more once it has had its last answer: then it was told to go. */
bool smtp_server_is_sent_away(struct smtp_server *s);
/* The client has said all that it ever will, and all of it is answered. */
void smtp_server_end_at_eof(struct smtp_server *s);

/* --- server_clock.c */
void smtp_server_clock_fired(void *server);
/* after the pump */
void smtp_server_clock_update(struct smtp_server *s, enum smtp_server_step waits_for);
/* A command was answered yes; within a transaction only one that belongs to it. */
void smtp_server_clock_progress(struct smtp_server *s);
/* octets of a body came */
void smtp_server_clock_heard(struct smtp_server *s, size_t body_octets);

/* --- server_queue.c */
/* What an answer means for the session: stands in its verb's file. Called before the answer
 * leaves. */
typedef void smtp_server_answered_fn(struct smtp_server *s, const struct answer *answer);
/* heed: NULL where the answer means nothing, or comes as a login's verdict. */
struct smtp_server_command *smtp_server_ticket(struct smtp_server *s,
                                               smtp_server_answered_fn *heed);
/* STEP_DONE: one more command may be read, a RCPT at least */
enum smtp_server_step smtp_server_queue_state(const struct smtp_server *s);
/* sends what is answered, up to the first command that is not */
void smtp_server_queue_flush(struct smtp_server *s);
/* voids every ticket */
void smtp_server_queue_free(struct smtp_server *s);
/* Our own answer to the command that is being read, in its turn. With the message's id where there
 * is one. Ours of 500 and above count as the client's errors. */
void smtp_server_say(struct smtp_server *s, int code, const char *enhanced, const char *text);
/* The same where what is wrong is not of the client's making. */
void smtp_server_say_blameless(struct smtp_server *s, int code, const char *enhanced,
                               const char *text);
/* tells told(), where it concerns a message */
void smtp_server_note(struct smtp_server *s, int code, const char *enhanced, const char *text,
                      bool goodbye);
/* Appends that answer to `out`. */
bool smtp_server_format_own(struct smtp_server *s, struct buf *out, int code, const char *enhanced,
                            const char *text) MUST_USE;
/* cuts a client that reads none of its answers */
void smtp_server_write(struct smtp_server *s, struct slice reply);
void smtp_server_count_error(struct smtp_server *s, int code, bool from_upstream);
/* forgets recipients and the message's id; calls nobody */
void smtp_server_transaction_over(struct smtp_server *s);

/* --- server_verbs.c */
enum smtp_server_step smtp_server_read_command(struct smtp_server *s);
enum intruder {
    INTRUDER_NONE,
    /* too few bytes to tell */
    INTRUDER_PERHAPS,
    INTRUDER_TLS,
    INTRUDER_PROXY_V2,
    INTRUDER_PROXY_V1,
    INTRUDER_HTTP,
    /* of a message, or of an HTTP request whose first line we did not know */
    INTRUDER_HEADER,
    /* of a message whose DATA was refused */
    INTRUDER_TEXT,
};
void smtp_server_throw_out(struct smtp_server *s, enum intruder who);

/* --- server_cmd_*.c: one function per verb; args are those of the command, borrowed */
typedef void smtp_server_verb_fn(struct smtp_server *s, const struct command *command);
smtp_server_verb_fn server_do_ehlo, server_do_helo;
smtp_server_verb_fn server_do_mail, server_do_rcpt, server_do_rset;
smtp_server_verb_fn server_do_data, server_do_bdat;
smtp_server_verb_fn server_do_noop, server_do_vrfy, server_do_expn, server_do_help, server_do_quit;
smtp_server_verb_fn server_do_starttls, server_do_auth;
/* Our own answer, as smtp_server_say. Where it ends the hopes of a message before any handler saw it,
 * mail_refused() hears of it. */
void smtp_server_refuse(struct smtp_server *s, const struct command *command, int code,
                        const char *enhanced, const char *text);
/* ends an open transaction, and tells the handler */
void smtp_server_reset(struct smtp_server *s);

/* --- server_cmd_starttls.c */
/* STARTTLS may be said now */
bool smtp_server_tls_offered(const struct smtp_server *s);
/* TLS_DUE, or the start of an implicit session: the handshake begins */
void smtp_server_tls_begin(struct smtp_server *s);
void smtp_server_tls_done(struct smtp_server *s);
void smtp_server_tls_failed(struct smtp_server *s, const struct err *err);

/* --- server_cmd_auth.c */
/* AUTH is in this session's EHLO reply, if one came now */
bool smtp_server_auth_offered(const struct smtp_server *s);
/* a response, where s->sasl awaits one */
void smtp_server_sasl_line(struct smtp_server *s, struct slice line);
/* the exchange ends with this answer */
void smtp_server_sasl_over(struct smtp_server *s, int code, const char *enhanced, const char *text);
/* The response that was awaited is. */
void smtp_server_sasl_too_long(struct smtp_server *s);
void smtp_server_login_verdict(struct smtp_server *s, enum smtp_server_login verdict);
/* nobody is logged in any more */
void smtp_server_auth_forget(struct smtp_server *s);

/* --- server_cmd_data.c */
/* the 354 was said */
void smtp_server_body_begin(struct smtp_server *s);
void smtp_server_body_free(struct smtp_server *s);
enum smtp_server_step smtp_server_read_body(struct smtp_server *s);

#endif
