/* The server half: one client's connection, from greeting to QUIT. It knows SMTP and nothing of
 * upstreams; whoever relays fills the handler table.
 *
 * Every command reaches a handler (or is answered here) and is answered exactly once, now or later;
 * replies leave in the order of commands. A handler answers through the command's ticket with
 * smtp_server_answer. RCPTs that arrive together reach the handler together, before the first is
 * answered; every other verb waits until all before it are answered.
 *
 * Checked here, before any handler: syntax, sequence (503), parameters (555/501), line length,
 * STARTTLS and AUTH where required, SIZE against max_message_size, the number of recipients (452
 * 4.5.3), junk and error counters (421 4.7.0), client silence (421 4.4.2), message size while it
 * streams (552 5.3.4). */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include <stdint.h>

#include "base/addr.h"
#include "base/units.h"
#include "io/stream.h"
#include "wire/address.h"
#include "wire/params.h"

struct smtp_server;
/* a ticket: one command that waits for its answer */
struct smtp_server_command;
struct io;
struct transport;
struct tls_context;

/* borrows everything until smtp_server_answer returns */
struct answer {
    int code;
    /* "2.1.0"; "" for none */
    const char *enhanced;
    /* '\n' separates lines */
    struct slice text;
    /* does not count among the client's own errors */
    bool from_upstream;
};

/* What a handler lets this session's EHLO advertise beyond what is always there (PIPELINING,
 * 8BITMIME, ENHANCEDSTATUSCODES). */
struct smtp_server_offer {
    /* 0: no upstream limit known: then max_message_size alone */
    uint64_t size;
    bool dsn, smtputf8;
};

enum smtp_server_tls {
    SMTP_SERVER_TLS_OFF,
    SMTP_SERVER_TLS_OFFERED,
    SMTP_SERVER_TLS_REQUIRED /* 530 until STARTTLS */,
    SMTP_SERVER_TLS_IMPLICIT
};
enum smtp_server_auth {
    SMTP_SERVER_AUTH_OFF,
    /* AUTH PLAIN LOGIN for software that insists: anything is taken, other mechanisms too, and
     * wiped unseen */
    SMTP_SERVER_AUTH_ACCEPT,
    /* 530 until login() said SMTP_SERVER_LOGIN_RIGHT; in clear for loopback clients only */
    SMTP_SERVER_AUTH_REQUIRED,
};

/* what came of a login */
enum smtp_server_login {
    /* 235 */
    SMTP_SERVER_LOGIN_RIGHT,
    /* 535; the third ends the session */
    SMTP_SERVER_LOGIN_WRONG,
    /* 454: it could not be checked now */
    SMTP_SERVER_LOGIN_BUSY,
    /* 421 and the end: too many wrong ones from this address */
    SMTP_SERVER_LOGIN_LOCKED_OUT,
};

/* who is there, for the handlers; valid as long as the server */
struct smtp_server_client {
    /* the client's address */
    struct addr peer;
    struct addr local;
    /* as the client said it, escaped nowhere; "unknown" without a name, "" before */
    const char *helo;
    /* said EHLO */
    bool esmtp;
    /* SIZE as the reply to its EHLO had it */
    uint64_t size_offered;
    bool tls;
    /* NULL while clear */
    const struct tls_facts *tls_facts;
    /* the name that login() found right, or NULL */
    const char *user;
};

/* Why a transaction ended without its end of data. */
enum smtp_server_end {
    /* RSET, EHLO, HELO, STARTTLS, or refused DATA followed by the like */
    SMTP_SERVER_RSET,
    /* the message grew beyond max_message_size: the rest is discarded, 552 answers its dot */
    SMTP_SERVER_OVERRUN,
    /* smtp_server_refuse_body was called: confirmation that the body is over, the refusal answered its
     * dot */
    SMTP_SERVER_REFUSED,
};

struct smtp_server_handlers {
    /* EHLO or HELO came: says what may be advertised. Must answer at once. */
    void (*hello)(void *ctx, struct smtp_server_offer *offer_r);
    /* MAIL, well-formed and in order; whether its SIZE is within size_offered is the handler's to
     * judge. Exactly one smtp_server_answer follows; 2xx opens the transaction. */
    void (*mail)(void *ctx, struct smtp_server_command *cmd, const struct address *from,
                 const struct mail_params *params);
    /* RCPT inside an open transaction. */
    void (*rcpt)(void *ctx, struct smtp_server_command *cmd, const struct address *to,
                 const struct rcpt_params *params);
    /* DATA, with at least one RCPT answered 2xx (503 and 554 without are answered here). A 354
     * answer begins the body; any other refuses. */
    void (*data)(void *ctx, struct smtp_server_command *cmd);
    /* Canonical octets of the body (CRLF only, dots removed), in order; never after refuse or hold;
     * borrowed until return. At most CAP_CHUNK at a time. */
    void (*body)(void *ctx, struct slice octets);
    /* The end of data arrived whole. smtp_server_answer(cmd) closes the transaction. */
    void (*body_end)(void *ctx, struct smtp_server_command *cmd);
    /* The transaction is over without a delivery. No ticket of it is waiting. */
    void (*reset)(void *ctx, enum smtp_server_end why);
    /* The client is gone (or was closed by the server half): all tickets are void, the server is
     * freed at the end of this turn and must not be used. why: in words, for the log. Last call. */
    void (*closed)(void *ctx, const char *why);
    /* AUTH, with SMTP_SERVER_AUTH_REQUIRED only (else it may be NULL). Exactly one smtp_server_answer_login
     * follows. The slices are wiped on return; neither holds a NUL. user is empty, and so nobody's,
     * where one asked to act for another. */
    void (*login)(void *ctx, struct smtp_server_command *cmd, struct slice user,
                  struct slice password);
    /* MAIL outside a transaction that is refused here and never reaches mail(): a message all the
     * same, whose sender looks for it in the log. from: the address, or what stands in its place.
     * The answer leaves afterwards, with the id that smtp_server_set_message_id gives it now. Must not
     * close. */
    void (*mail_refused)(void *ctx, struct slice from, const struct answer *answer);
    /* Within a transaction the client is told a 4xx or 5xx that no handler gave, with the message's
     * id. goodbye: and the session ends with it. Must only take note of it. */
    void (*told)(void *ctx, const struct answer *answer, bool goodbye);
};

/* borrowed for the server's life; belongs to the listener's configuration */
struct smtp_server_settings {
    const char *hostname;
    /* its name, for the log */
    const char *listener;
    uint64_t max_message_size;
    unsigned max_recipients;
    usec timeout;
    bool lf_line_endings;
    enum smtp_server_tls tls;
    /* a server's; NULL with SMTP_SERVER_TLS_OFF */
    struct tls_context *tls_context;
    enum smtp_server_auth auth;
};

/* Takes the transport of an accepted client; keeps io, settings, handlers. Greets. Gives. */
struct smtp_server *smtp_server_new(const struct io *io, struct transport *t,
                                    const struct smtp_server_settings *settings,
                                    const struct smtp_server_handlers *handlers, void *ctx);
/* The same for a connection that somebody else has used before us: takes the stream. peer, local:
 * who it is for handlers and log, which is not the stream's own ends behind a load balancer. */
struct smtp_server *smtp_server_new_on_stream(const struct io *io, struct stream *stream,
                                              const struct addr *peer, const struct addr *local,
                                              const struct smtp_server_settings *settings,
                                              const struct smtp_server_handlers *handlers,
                                              void *ctx);
const struct smtp_server_client *smtp_server_client(const struct smtp_server *s);

/* The caller forgets the ticket. No handler is called from inside. Between the end of a session and
 * closed() it may still be called, without effect. */
void smtp_server_answer(struct smtp_server_command *cmd, const struct answer *answer);

/* The same for login(). SMTP_SERVER_LOGIN_RIGHT makes smtp_server_client()->user. */
void smtp_server_answer_login(struct smtp_server_command *cmd, enum smtp_server_login verdict);

/* backpressure: no more body() until released */
void smtp_server_hold_body(struct smtp_server *s, bool hold);
/* In mid-body: everything more is read and discarded, `answer` (copied) answers the dot. No body()
 * any more; reset(SMTP_SERVER_REFUSED) confirms. Without effect where no body is wanted (any more):
 * after the end of data, after an overrun. */
void smtp_server_refuse_body(struct smtp_server *s, const struct answer *answer);
/* Shutdown: an idle client gets 421 4.3.2 now, a running transaction finishes first (its end of
 * data answered), then 421. */
void smtp_server_drain(struct smtp_server *s);
/* Says the reply (421, 554, or 451 for a loop; with the message's id, where there is one) and
 * closes; closed(text) follows on the loop. Called straight after smtp_server_new it stands in place of
 * the greeting. Before the handshake of SMTP_SERVER_TLS_IMPLICIT there is no way to say it: the client
 * is cut. */
void smtp_server_close(struct smtp_server *s, int code, const char *enhanced, const char *text);

/* Bounds the goodbye, when it comes: the connection then lingers among these, which outlive the
 * server's closed(). */
void smtp_server_linger_among(struct smtp_server *s, struct lingering *among);

/* The id of the message that the open transaction is about: our own 4xx and 5xx answers then end
 * with "[id]". Forgotten with the transaction (MAIL refused, reset, end of data answered). NULL:
 * none. Copied. */
void smtp_server_set_message_id(struct smtp_server *s, const char *id);

#endif
