/* The server half is one client's connection, from greeting to QUIT. It knows SMTP and no
 * upstreams. The relay fills the handler table.
 *
 * Every command reaches a handler, or is answered here. It is answered exactly once, now or later.
 * Replies leave in the order of commands. A handler answers through the command's ticket with
 * smtp_server_answer. RCPTs that arrive together reach the handler together, before the first is
 * answered. Every other verb waits until all before it are answered.
 *
 * This half checks, before any handler: syntax, sequence (503), parameters (555/501), line length,
 * STARTTLS and AUTH where required, SIZE against max_message_size, the number of recipients (452
 * 4.5.3), junk and error counters (421 4.7.0), client silence (421 4.4.2), and the message size
 * while the message streams (552 5.3.4). */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include <stdint.h>

#include "base/addr.h"
#include "base/units.h"
#include "io/stream.h"
#include "wire/address.h"
#include "wire/params.h"

struct smtp_server;
/* A ticket is one command that waits for its answer. */
struct smtp_server_command;
struct io;
struct transport;
struct tls_context;

/* Borrows everything until smtp_server_answer returns. */
struct answer {
    int code;
    /* Is "2.1.0", for example, or "". */
    const char *enhanced;
    /* '\n' separates lines. */
    struct slice text;
    /* The answer does not count among the client's own errors. */
    bool from_upstream;
};

/* These are the extensions that the handler lets this session's EHLO advertise, in addition to
 * PIPELINING, 8BITMIME and ENHANCEDSTATUSCODES. */
struct smtp_server_offer {
    /* 0 means that no upstream limit is known. Then max_message_size alone counts. */
    uint64_t size;
    bool dsn, smtputf8;
};

enum smtp_server_tls {
    SMTP_SERVER_TLS_OFF,
    SMTP_SERVER_TLS_OFFERED,
    /* MAIL, for example, is answered 530 until STARTTLS. */
    SMTP_SERVER_TLS_REQUIRED,
    SMTP_SERVER_TLS_IMPLICIT
};
enum smtp_server_auth {
    SMTP_SERVER_AUTH_OFF,
    /* AUTH PLAIN LOGIN is offered to software that insists on it. Any login succeeds, with other
     * mechanisms, too, and is wiped unread. */
    SMTP_SERVER_AUTH_ACCEPT,
    /* MAIL, for example, is answered 530 until login() was answered with SMTP_SERVER_LOGIN_RIGHT.
     * In clear AUTH is for loopback clients only. */
    SMTP_SERVER_AUTH_REQUIRED,
};

/* The verdict on a login. */
enum smtp_server_login {
    /* The login is answered 235. */
    SMTP_SERVER_LOGIN_RIGHT,
    /* The login is answered 535. The third one ends the session. */
    SMTP_SERVER_LOGIN_WRONG,
    /* The login could not be checked now, and is answered 454. */
    SMTP_SERVER_LOGIN_BUSY,
    /* There were too many wrong logins from this address. It is answered 421, and the session
     * ends. */
    SMTP_SERVER_LOGIN_LOCKED_OUT,
};

/* Describes the client to the handlers. It is valid as long as the server. */
struct smtp_server_client {
    /* The client's address. */
    struct addr peer;
    struct addr local;
    /* It is not escaped, but as the client said it. It is "unknown" for an EHLO without a name, and
     * "" before. */
    const char *helo;
    /* The client said EHLO. */
    bool esmtp;
    /* The SIZE in the reply to its EHLO. */
    uint64_t size_offered;
    bool tls;
    /* NULL while the link is clear. */
    const struct tls_facts *tls_facts;
    /* The name that login() found right, or NULL. */
    const char *user;
};

/* Tells why a transaction ended without its end of data. */
enum smtp_server_end {
    /* RSET, EHLO, HELO or STARTTLS ended it, or a refused DATA that was followed by one of them. */
    SMTP_SERVER_RSET,
    /* The message grew beyond max_message_size. The rest is discarded, and 552 answers its dot. */
    SMTP_SERVER_OVERRUN,
    /* smtp_server_refuse_body was called. The body is over, and the refusal has answered its
     * dot. */
    SMTP_SERVER_REFUSED,
};

struct smtp_server_handlers {
    /* EHLO or HELO came. The handler says at once what may be advertised. */
    void (*hello)(void *ctx, struct smtp_server_offer *offer_r);
    /* MAIL came, well-formed and in order. The handler decides whether its SIZE is within
     * size_offered. Exactly one smtp_server_answer follows. A 2xx opens the transaction. */
    void (*mail)(void *ctx, struct smtp_server_command *cmd, const struct address *from,
                 const struct mail_params *params);
    /* RCPT came within an open transaction. */
    void (*rcpt)(void *ctx, struct smtp_server_command *cmd, const struct address *to,
                 const struct rcpt_params *params);
    /* DATA came with at least one RCPT answered 2xx. (Without one it is answered here with 503 or
     * 554.) A 354 answer begins the body. Any other answer refuses it. */
    void (*data)(void *ctx, struct smtp_server_command *cmd);
    /* Gets canonical octets of the body, in order. Line ends are CRLF, and stuffed dots are
     * removed. Borrows them until it returns. It gets at most CAP_CHUNK at a time. It is not called
     * after smtp_server_refuse_body, nor while the body is held. */
    void (*body)(void *ctx, struct slice octets);
    /* The end of data arrived. smtp_server_answer(cmd) closes the transaction. */
    void (*body_end)(void *ctx, struct smtp_server_command *cmd);
    /* The transaction is over without a delivery. None of its tickets waits. */
    void (*reset)(void *ctx, enum smtp_server_end why);
    /* The client has disconnected, or the server half has closed the connection. All tickets are
     * void. The server is freed at the end of this turn and must not be used. why has words for the
     * log. It is the last call. */
    void (*closed)(void *ctx, const char *why);
    /* AUTH came. It is called only with SMTP_SERVER_AUTH_REQUIRED, and may be NULL otherwise.
     * Exactly one smtp_server_answer_login follows. The slices are wiped on return and hold no NUL.
     * user is empty if the client asked to act for another. No user has an empty name. */
    void (*login)(void *ctx, struct smtp_server_command *cmd, struct slice user,
                  struct slice password);
    /* A MAIL outside a transaction was refused here and does not reach mail(). It is a message
     * nevertheless, which its sender will look for in the log. from is the address, or the text in
     * its place. The answer leaves afterwards, with the id that smtp_server_set_message_id sets
     * now. This must not close the server. */
    void (*mail_refused)(void *ctx, struct slice from, const struct answer *answer);
    /* Within a transaction the client is sent a 4xx or 5xx, with the message's id, that no handler
     * gave. goodbye says that the session ends with it. The handler may only note it. */
    void (*told)(void *ctx, const struct answer *answer, bool goodbye);
};

/* Borrowed for the server's life. Belongs to the listener's configuration. */
struct smtp_server_settings {
    const char *hostname;
    /* The log calls the listener by this name. */
    const char *listener;
    uint64_t max_message_size;
    unsigned max_recipients;
    usec timeout;
    bool lf_line_endings;
    enum smtp_server_tls tls;
    /* Is a server context, or NULL with SMTP_SERVER_TLS_OFF. */
    struct tls_context *tls_context;
    enum smtp_server_auth auth;
};

/* Gives. Takes the transport of an accepted client. Keeps io, settings and handlers. Greets. */
struct smtp_server *smtp_server_new(const struct io *io, struct transport *t,
                                    const struct smtp_server_settings *settings,
                                    const struct smtp_server_handlers *handlers, void *ctx);
/* Makes a server on a connection that was used before. Takes the stream. peer and local are the
 * addresses for handlers and log. Behind a load balancer they are not the stream's own
 * addresses. */
struct smtp_server *smtp_server_new_on_stream(const struct io *io, struct stream *stream,
                                              const struct addr *peer, const struct addr *local,
                                              const struct smtp_server_settings *settings,
                                              const struct smtp_server_handlers *handlers,
                                              void *ctx);
const struct smtp_server_client *smtp_server_client(const struct smtp_server *s);

/* Takes the ticket. Calls no handler from inside. Between the end of a session and closed() it may
 * still be called and does nothing. */
void smtp_server_answer(struct smtp_server_command *cmd, const struct answer *answer);

/* Answers login(). SMTP_SERVER_LOGIN_RIGHT sets smtp_server_client()->user. */
void smtp_server_answer_login(struct smtp_server_command *cmd, enum smtp_server_login verdict);

/* Holds or releases the body, as backpressure. body() is not called while the body is held. */
void smtp_server_hold_body(struct smtp_server *s, bool hold);
/* Call during a body. The rest is discarded, and `answer` (copied) is sent at the final dot. body()
 * is not called again. reset(SMTP_SERVER_REFUSED) follows. Does nothing once the body has ended or
 * overrun. */
void smtp_server_refuse_body(struct smtp_server *s, const struct answer *answer);
/* Begins shutdown. An idle client gets 421 4.3.2 now. A transaction in progress ends first, with
 * the answer to its end of data, then the client gets 421. */
void smtp_server_drain(struct smtp_server *s);
/* Sends the reply (421, 554, or 451 for a loop) with the message's id if there is one, and closes.
 * closed(text) follows on the loop. If it is called right after smtp_server_new, the reply replaces
 * the greeting. Before the handshake of SMTP_SERVER_TLS_IMPLICIT there is no way to send it, so the
 * connection is cut. */
void smtp_server_close(struct smtp_server *s, int code, const char *enhanced, const char *text);

/* Bounds the goodbye. The connection then lingers in this set, which must outlive closed(). Borrows
 * it. */
void smtp_server_linger_among(struct smtp_server *s, struct lingering *among);

/* Sets the id of the message that the open transaction is about. Our own 4xx and 5xx answers then
 * end with "[id]". It is forgotten with the transaction (MAIL refused, reset, end of data
 * answered). NULL means none. Copies it. */
void smtp_server_set_message_id(struct smtp_server *s, const char *id);

#endif
