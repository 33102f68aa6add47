/* Shared by the files of the server half. No other file includes this.
 *
 * One pump (server.c) runs from the loop only: on stream events, and in a deferred call after a
 * handler has done something. So no handler is ever called from inside smtp_server_answer or a
 * similar function. A step of the pump does one thing: a command line, or a piece of the body. Its
 * result says what the session waits for. */
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
    /* The step did something. Another step may follow. */
    STEP_DONE,
    /* The client must send more. Its clock runs. */
    STEP_NEEDS_CLIENT,
    /* The client must read its answers first. Its clock runs, too. */
    STEP_NEEDS_READER,
    /* A handler owes an answer or holds the body. No clock of ours runs. */
    STEP_NEEDS_ANSWER,
};

enum tls_progress {
    TLS_CLEAR,
    /* STARTTLS was read. Its 220 and the handshake follow once the line is consumed. */
    TLS_DUE,
    /* The handshake is in progress, and nothing else. */
    TLS_BEGUN,
    TLS_SECURE,
};

/* The response that the next line is. SASL_PLAIN stands for every mechanism with one response. */
enum sasl_stage { SASL_NONE, SASL_PLAIN, SASL_USER, SASL_PASSWORD };

/* Tells what is swallowed as the rest of an overlong line. */
enum swallowing { SWALLOW_NOTHING, SWALLOW_COMMAND, SWALLOW_AUTH };

enum body_fate { BODY_WANTED, BODY_OVERRUN, BODY_REFUSED };

/* Exists from the 354 to the end of data. */
struct body {
    struct dot_decoder decoder;
    enum body_fate fate;
    /* The end of data was seen, but the handler still holds the body. */
    bool over;
    bool refusal_is_ours;
    int refusal_code;
    /* In BODY_REFUSED this is the whole reply for the dot. */
    struct buf refusal;
    /* The data rate is measured in windows of a minute. */
    usec window_start;
    /* The octets are counted as they came from the client. */
    uint64_t window_octets;
};

struct smtp_server {
    const struct io *io;
    const struct smtp_server_settings *settings;
    const struct smtp_server_handlers *handlers;
    void *ctx;
    /* Is NULL once the session has ended. */
    struct stream *stream;
    /* May be NULL. */
    struct lingering *lingers_among;
    /* This is the clock of the client's silence (server_clock.c). */
    struct timer *clock;
    /* The time at which the client last made progress. The time for which it waited for answers
     * since then is left out. */
    usec quiet_since;
    /* How long ago that was when the clock stopped. */
    usec quiet_for;
    struct deferred turn;
    /* The server owns helo and user in it. */
    struct smtp_server_client client;
    /* The extensions in this session's EHLO reply. */
    struct params_offer offered;
    /* The list of struct smtp_server_command, in the order of their arrival. */
    struct link commands;
    /* The number of these commands. */
    unsigned pending;
    /* Is NULL while commands are read. */
    struct body *body;
    /* May be NULL. */
    char *message_id;
    /* Tells why the session ended, or is NULL. */
    char *why;
    /* The number of recipients that were accepted in this transaction. */
    unsigned recipients;
    /* The number of RCPTs that a handler has not answered. */
    unsigned recipients_pending;
    /* These are counted since the last delivered message. */
    unsigned junk, errors;
    enum tls_progress tls;
    enum sasl_stage sasl;
    /* Holds the name of a login while its password or its verdict is awaited. It is a secret,
     * because people enter passwords there. */
    struct secret *sasl_user;
    unsigned failed_logins;
    /* AUTH succeeded, or was accepted unread. */
    bool logged_in;
    bool greeted;
    bool said_hello;
    /* MAIL was answered 2xx. */
    bool transaction;
    /* The last command was a DATA without 354. A client that did not wait may be sending its text
     * now. */
    bool data_refused;
    /* Some RCPT of this transaction was refused for a reason that is not the client's fault. */
    bool refused_by_others;
    enum swallowing swallowing;
    /* The handler wants no body now. */
    bool held;
    bool draining;
    /* The handler closed() was called. */
    bool told;
};

/* --- server.c */
/* Makes the pump run once more before the loop sleeps. */
void smtp_server_schedule(struct smtp_server *s);

/* --- server_end.c */
/* Ends the session after the queued output has left. closed(why) follows at the end of the turn.
 * Copies why. Later calls change nothing. */
void smtp_server_end(struct smtp_server *s, const char *why);
/* Ends the session at once. Queued output is lost. */
void smtp_server_cut(struct smtp_server *s, const char *why);
/* Sends the reply, then ends the session. */
void smtp_server_farewell(struct smtp_server *s, int code, const char *enhanced, const char *text,
                          const char *why);
/* Is called once, from the loop. Calls closed() and frees the memory. */
void smtp_server_tell_closed(struct smtp_server *s);
/* Returns whether the client may do no more after its last answer. Then it has been sent the
 * 421. */
bool smtp_server_is_sent_away(struct smtp_server *s);
/* The client will send no more, and everything is answered. */
void smtp_server_end_at_eof(struct smtp_server *s);

/* --- server_clock.c */
void smtp_server_clock_fired(void *server);
/* Call this after the pump. */
void smtp_server_clock_update(struct smtp_server *s, enum smtp_server_step waits_for);
/* A command was answered with success. Within a transaction only a command that belongs to it
 * counts. */
void smtp_server_clock_progress(struct smtp_server *s);
/* Octets of a body came. */
void smtp_server_clock_heard(struct smtp_server *s, size_t body_octets);

/* --- server_queue.c */
/* Applies the meaning of an answer to the session. It is in the file of its verb. Is called before
 * the answer leaves. */
typedef void smtp_server_answered_fn(struct smtp_server *s, const struct answer *answer);
/* A NULL heed says that the answer means nothing, or comes as the verdict on a login. */
struct smtp_server_command *smtp_server_ticket(struct smtp_server *s,
                                               smtp_server_answered_fn *heed);
/* Returns STEP_DONE if one more command, at least a RCPT, may be read. */
enum smtp_server_step smtp_server_queue_state(const struct smtp_server *s);
/* Sends the answers up to the first command without one. */
void smtp_server_queue_flush(struct smtp_server *s);
/* Voids every ticket. */
void smtp_server_queue_free(struct smtp_server *s);
/* Sends our own answer to the current command, in its turn, with the message's id if there is one.
 * An answer of 500 or above counts as the client's error. */
void smtp_server_say(struct smtp_server *s, int code, const char *enhanced, const char *text);
/* Does what smtp_server_say does for an error that is not the client's fault. */
void smtp_server_say_blameless(struct smtp_server *s, int code, const char *enhanced,
                               const char *text);
/* Calls told() if the answer concerns a message. */
void smtp_server_note(struct smtp_server *s, int code, const char *enhanced, const char *text,
                      bool goodbye);
/* Appends that answer to `out`. */
bool smtp_server_format_own(struct smtp_server *s, struct buf *out, int code, const char *enhanced,
                            const char *text) MUST_USE;
/* Cuts a client that reads none of its answers. */
void smtp_server_write(struct smtp_server *s, struct slice reply);
void smtp_server_count_error(struct smtp_server *s, int code, bool from_upstream);
/* Forgets recipients and the message's id. Calls no handler. */
void smtp_server_transaction_over(struct smtp_server *s);

/* --- server_verbs.c */
enum smtp_server_step smtp_server_read_command(struct smtp_server *s);
enum intruder {
    INTRUDER_NONE,
    /* There are too few bytes to decide. */
    INTRUDER_PERHAPS,
    INTRUDER_TLS,
    INTRUDER_PROXY_V2,
    INTRUDER_PROXY_V1,
    INTRUDER_HTTP,
    /* The header of a message, or of an HTTP request whose first line was unknown. */
    INTRUDER_HEADER,
    /* The text of a message whose DATA was refused. */
    INTRUDER_TEXT,
};
void smtp_server_throw_out(struct smtp_server *s, enum intruder who);

/* --- server_cmd_*.c: one function per verb. args are those of the command, borrowed. */
typedef void smtp_server_verb_fn(struct smtp_server *s, const struct command *command);
smtp_server_verb_fn server_do_ehlo, server_do_helo;
smtp_server_verb_fn server_do_mail, server_do_rcpt, server_do_rset;
smtp_server_verb_fn server_do_data, server_do_bdat;
smtp_server_verb_fn server_do_noop, server_do_vrfy, server_do_expn, server_do_help, server_do_quit;
smtp_server_verb_fn server_do_starttls, server_do_auth;
/* Sends our own answer like smtp_server_say. If it refuses a message before any handler saw it,
 * mail_refused() is called. */
void smtp_server_refuse(struct smtp_server *s, const struct command *command, int code,
                        const char *enhanced, const char *text);
/* Ends an open transaction and tells the handler. */
void smtp_server_reset(struct smtp_server *s);

/* --- server_cmd_starttls.c */
/* Returns whether STARTTLS may be used now. */
bool smtp_server_tls_offered(const struct smtp_server *s);
/* Begins the handshake, in TLS_DUE or at the start of an implicit session. */
void smtp_server_tls_begin(struct smtp_server *s);
void smtp_server_tls_done(struct smtp_server *s);
void smtp_server_tls_failed(struct smtp_server *s, const struct err *err);

/* --- server_cmd_auth.c */
/* Returns whether AUTH would be in this session's EHLO reply now. */
bool smtp_server_auth_offered(const struct smtp_server *s);
/* Takes a response, if s->sasl awaits one. */
void smtp_server_sasl_line(struct smtp_server *s, struct slice line);
/* Ends the exchange with this answer. */
void smtp_server_sasl_over(struct smtp_server *s, int code, const char *enhanced, const char *text);
/* The awaited response is too long. */
void smtp_server_sasl_too_long(struct smtp_server *s);
void smtp_server_login_verdict(struct smtp_server *s, enum smtp_server_login verdict);
/* The session is not logged in any more. */
void smtp_server_auth_forget(struct smtp_server *s);

/* --- server_cmd_data.c */
/* The 354 was sent. */
void smtp_server_body_begin(struct smtp_server *s);
void smtp_server_body_free(struct smtp_server *s);
enum smtp_server_step smtp_server_read_body(struct smtp_server *s);

#endif
