/* The client half is one session with an upstream, over a connected stream. It knows SMTP and
 * nothing of clients. It consists of three small machines: connection (greeting, EHLO, STARTTLS,
 * EHLO again), AUTH, transaction. Each state has a row (name, deadline, what we are doing in words,
 * judge). A judge returns the next state.
 *
 * The client ends with exactly one `lost` event, or with smtp_client_close / smtp_client_quit by
 * its owner. After any of these no event comes. Events come only from the loop. Any reply that
 * nobody asked for, a reply too many, a reply to a command that has not left yet, or bytes after
 * the 220 to STARTTLS end the session with SMTP_CLIENT_FAULT_PROTOCOL. A 421 among them ends it
 * with SMTP_CLIENT_FAULT_REPLY. From the first such byte nothing is sent any more, so that no reply
 * can answer the wrong command.
 *
 * While the session connects and authenticates, its owner has the deadline, and smtp_client_stage
 * tells what to call it. From MAIL on the client half watches reply_timeout and final_timeout
 * itself. */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include <stdint.h>

#include "base/mechanism.h"
#include "base/secret.h"
#include "base/units.h"
#include "io/stream.h"
#include "wire/ehlo.h"
#include "wire/reply.h"

struct smtp_client;
struct carrier;
struct io;

enum smtp_client_tls {
    SMTP_CLIENT_TLS_STARTTLS,
    SMTP_CLIENT_TLS_IMPLICIT,
    /* We use STARTTLS where it is offered. */
    SMTP_CLIENT_TLS_MAY,
    SMTP_CLIENT_TLS_NONE
};

/* Hears the dialog of a session, line by line, for `doctor -v`. A line has lost its CRLF, and no
 * secret is in it: what AUTH sends, what it is asked, and words that repeat the credentials are
 * left out. The line is borrowed for the call. */
struct smtp_client_listener {
    void (*line)(void *ctx, bool from_server, struct slice line);
    void *ctx;
};

/* The client borrows this for its life. */
struct smtp_client_settings {
    /* "" or NULL stands for the literal of the local address. */
    const char *helo;
    enum smtp_client_tls tls;
    /* Is NULL only for SMTP_CLIENT_TLS_NONE. */
    struct tls_context *context;
    /* AUTH goes only over TLS whose facts say verified. The flag is false only with
     * plaintext_auth. */
    bool needs_verified;
    enum auth_choice auth;
    /* Tells which kind of secret smtp_client_auth will be given. */
    enum mechanism_secret secret;
    /* Mechanisms that name the server name it as it is configured here. NULL means that they do not
     * name it. */
    const char *host;
    uint16_t port;
    /* TLS resumption finds its session by this key. NULL means that none is resumed. */
    const char *resume_key;
    usec reply_timeout, final_timeout;
    /* Bounds the wait for the first reply on a session from the pool (proxy.ini reply_timeout). 0
     * means that reply_timeout bounds that one, too. */
    usec first_reply_timeout;
    /* May be NULL. */
    const struct smtp_client_listener *listener;
};

/* smtp_client_auth borrows this until it returns. */
struct smtp_client_credential {
    const char *user;
    /* Is an access token instead if settings.secret says so. */
    const struct secret *password;
};

/* Tells what the session was about when something happened. */
enum smtp_client_stage {
    SMTP_CLIENT_GREETING,
    SMTP_CLIENT_EHLO,
    SMTP_CLIENT_STARTTLS,
    SMTP_CLIENT_HANDSHAKE,
    SMTP_CLIENT_EHLO_AGAIN,
    SMTP_CLIENT_AUTH,
    SMTP_CLIENT_IDLE,
    SMTP_CLIENT_MAIL,
    SMTP_CLIENT_RCPT,
    SMTP_CLIENT_DATA,
    SMTP_CLIENT_BODY,
    SMTP_CLIENT_END_OF_DATA,
    SMTP_CLIENT_RSET,
    SMTP_CLIENT_QUIT
};
/* Returns "waiting for the greeting", for example. */
const char *smtp_client_stage_words(enum smtp_client_stage stage);

enum smtp_client_fault {
    /* The link was reset or closed, or the upstream is unreachable. err tells which. */
    SMTP_CLIENT_FAULT_LINK,
    /* The deadline of the stage has passed. */
    SMTP_CLIENT_FAULT_TIMEOUT,
    /* The upstream refused with a 4xx or 5xx greeting, refused EHLO, STARTTLS, AUTH or RSET, or
     * said 421 anywhere. reply holds its refusal. */
    SMTP_CLIENT_FAULT_REPLY,
    /* The upstream sent what is not SMTP, is malformed, or was not asked for. */
    SMTP_CLIENT_FAULT_PROTOCOL,
    /* STARTTLS was not offered, or it was mangled (ehlo.starttls_mangled). */
    SMTP_CLIENT_FAULT_NO_STARTTLS,
    /* The handshake failed, but not for the certificate. The link may have broken in it. err.kind
     * tells. */
    SMTP_CLIENT_FAULT_TLS,
    /* The upstream's certificate has a fault. smtp_client_tls_facts tells which. */
    SMTP_CLIENT_FAULT_CERTIFICATE,
    /* AUTH was not offered, or with no mechanism of ours, or the connection has not earned it, or
     * the upstream answered 504 to the last mechanism (reply holds that 504). */
    SMTP_CLIENT_FAULT_NO_MECHANISM,
    /* Only a session without SMTP (carrier.h) tells this fault and the two below. reply holds what
     * a client hears, with the service's own words. This fault means that the service does not work
     * just now. */
    SMTP_CLIENT_FAULT_SERVICE,
    /* The service refuses us, whatever the message is. */
    SMTP_CLIENT_FAULT_BARRED,
    /* The service gave an answer that its API does not have. */
    SMTP_CLIENT_FAULT_STRANGE,
};

/* Tells why a session does not take a message that another session might take. */
enum smtp_client_decline {
    /* The message has the null sender. */
    SMTP_CLIENT_DECLINES_SENDER,
    /* The header names other recipients than the envelope. The words are their addresses. */
    SMTP_CLIENT_DECLINES_OTHERS,
    /* The header's recipients can not be read with certainty. The words say what is wrong. */
    SMTP_CLIENT_DECLINES_HEADER,
    /* The message is too large. */
    SMTP_CLIENT_DECLINES_SIZE,
    /* We have no room for the message ourselves. The words say why. */
    SMTP_CLIENT_DECLINES_ROOM,
};

/* Tells why a login was refused. */
enum smtp_client_login_refusal {
    /* No login was refused, or the reply's code alone tells why. */
    SMTP_CLIENT_LOGIN_BY_CODE,
    /* The code says that the token is not taken. 501 says so, too. */
    SMTP_CLIENT_LOGIN_TOKEN,
    /* A challenge said what is wrong with the token. login_words holds it. */
    SMTP_CLIENT_LOGIN_TOKEN_ERROR,
    /* The reply was 501 5.5.12x. With these codes Microsoft refuses a token that is too old, or
     * that is somebody else's. */
    SMTP_CLIENT_LOGIN_TOKEN_MISFIT,
};

/* The event lends this until it returns. */
struct smtp_client_failure {
    enum smtp_client_stage stage;
    enum smtp_client_fault fault;
    /* May be NULL. */
    const struct reply *reply;
    /* The peer has sent some byte at some time. */
    bool saw_bytes;
    /* The message was *sent* in the sense of PROMISES 6: some byte of the final CRLF.CRLF, or the
     * last byte of the LAST chunk, was handed over. */
    bool end_of_data_sent;
    /* Bytes came that no command had asked for. No command that the owner asked since was sent. */
    bool unasked;
    /* The session died before the first reply after it was taken from the pool. */
    bool first_use;
    /* Its words are for the log and for doctor. */
    struct err err;
    /* Holds the same words without the stage that stands before them. */
    const char *cause;
    /* The peer does not speak SMTP, but TLS from the first byte. */
    bool speaks_tls;
    enum smtp_client_login_refusal login;
    /* Is "status 400, scope https://mail.example", for example. "" or NULL means that there are
     * none. */
    const char *login_words;
};

enum smtp_client_step {
    SMTP_CLIENT_STEP_GREETING,
    SMTP_CLIENT_STEP_EHLO,
    SMTP_CLIENT_STEP_STARTTLS,
    SMTP_CLIENT_STEP_TLS,
    SMTP_CLIENT_STEP_EHLO_AGAIN
};

struct smtp_client_events {
    /* Tells the race that the session has taken a step. May be NULL. */
    void (*step)(void *ctx, enum smtp_client_step step);
    /* Everything is ready for AUTH. The owner calls smtp_client_auth now or later. Our clocks stand
     * still until then. It never comes with AUTH_NONE. */
    void (*auth_wanted)(void *ctx);
    /* The session is idle, and has authenticated if AUTH is wanted. It comes once at first, and
     * then after each transaction or RSET that left the session sound. */
    void (*ready)(void *ctx);
    /* The events from here to `verdict` belong to a transaction. They lend their replies. */
    void (*mail_reply)(void *ctx, const struct reply *reply);
    /* index counts from 0, in the order of smtp_client_rcpt in this transaction. */
    void (*rcpt_reply)(void *ctx, size_t index, const struct reply *reply);
    /* Follows smtp_client_begin_body. A NULL refusal means that the owner shall send the body.
     * Otherwise it is the upstream's refusal of DATA or of the probing BDAT. */
    void (*go_ahead)(void *ctx, const struct reply *refusal);
    /* There is room again, after smtp_client_body has returned less than all. */
    void (*low)(void *ctx);
    /* Tells the answer to the message. Before smtp_client_end_body it is an early verdict, which is
     * always a 4xx or 5xx. An early 2xx comes as `lost` with SMTP_CLIENT_FAULT_PROTOCOL. */
    void (*verdict)(void *ctx, const struct reply *reply);
    /* The message is not for this session. Nothing was sent, and nothing else is said about the
     * message. SMTP never calls this. The session is sound, and the owner calls carrier_abort. It
     * may come at any time between MAIL and the verdict, instead of all other answers. It may be
     * NULL where no such session comes. words is one printable line, or "". */
    void (*declined)(void *ctx, enum smtp_client_decline why, const char *words);
    /* The session is dead. This is the last event. The client frees itself at the end of the turn.
     * Until `lost` returns it may be asked (facts, ehlo, flights). A peer that merely refused is
     * told QUIT. */
    void (*lost)(void *ctx, const struct smtp_client_failure *failure);
};

/* Takes a stream that is connected (tunnel included), and speaks from the greeting on. Keeps io,
 * settings and events. Gives. */
struct smtp_client *smtp_client_new(const struct io *io, struct stream *s,
                                    const struct smtp_client_settings *settings,
                                    const struct smtp_client_events *events, void *ctx);
/* Lends the session as a carrier (carrier.h). Returns NULL for NULL. */
struct carrier *smtp_client_carrier(struct smtp_client *c);
/* The race owns the session first, then the pool, and then a transaction. */
void smtp_client_set_owner(struct smtp_client *c, const struct smtp_client_events *events,
                           void *ctx);

/* Call this once after auth_wanted. `ready` or `lost` follows. proxy.ini auth says which mechanisms
 * are tried. After a 504 the next one is tried on this session. An initial response with a token
 * that is answered 500 or 501 (but for 501 5.5.12x) is sent once more, on a line of its own. SCRAM
 * derives its key on a helper thread. */
void smtp_client_auth(struct smtp_client *c, const struct smtp_client_credential *credential);
/* Returns whether an AUTH command was sent on this session. */
bool smtp_client_used_auth_command(const struct smtp_client *c);

/* Returns what the last EHLO told. It is empty after HELO. */
const struct ehlo *smtp_client_ehlo(const struct smtp_client *c);
/* Returns NULL if the link is clear. */
const struct tls_facts *smtp_client_tls_facts(const struct smtp_client *c);
/* Returns "PLAIN", for example, or "" if none was used. */
const char *smtp_client_mechanism(const struct smtp_client *c);
const struct addr *smtp_client_peer(const struct smtp_client *c);
const struct addr *smtp_client_local(const struct smtp_client *c);
const struct err *smtp_client_last_error(const struct smtp_client *c);

/* Transactions follow one another, each on an idle session. The commands of one turn leave in one
 * write with PIPELINING. Without it each waits for the reply to the one before. */
/* smtp_client_mail borrows this until it returns. */
struct smtp_client_mail {
    /* Has no brackets. "" means the null sender. */
    struct slice from;
    bool has_size;
    uint64_t size;
    /* Asks for BODY=8BITMIME, where the upstream has it. */
    bool eightbit;
    /* The caller has checked that the upstream has it. */
    bool smtputf8;
    /* These are sent only where the upstream has DSN. */
    struct slice ret, envid;
};
/* Notes that the next reply is the first after a rest. first_use and first_reply_timeout depend on
 * it. */
void smtp_client_mark_pooled(struct smtp_client *c);
void smtp_client_mail(struct smtp_client *c, const struct smtp_client_mail *mail);
void smtp_client_rcpt(struct smtp_client *c, struct slice to, struct slice notify,
                      struct slice orcpt);

/* Tells what is known of BDAT at this port (PROMISES 6 DATA). */
enum smtp_client_chunking {
    /* It was announced and never tried. An empty first chunk goes ahead, and its reply is
     * awaited. */
    CHUNKING_UNPROVEN,
    CHUNKING_PROVEN,
    /* It was announced, but BDAT was answered 500–504, or the probe with another 5xx than 551. Then
     * DATA is used. */
    CHUNKING_BROKEN,
};
/* Call this before smtp_client_begin_body. Later it is ignored. The default is
 * CHUNKING_UNPROVEN. */
void smtp_client_set_chunking(struct smtp_client *c, enum smtp_client_chunking known);
/* Returns what was learnt since. */
enum smtp_client_chunking smtp_client_chunking(const struct smtp_client *c);

/* Call this after at least one accepted RCPT. It asks DATA, or BDAT where CHUNKING is announced and
 * not broken. go_ahead follows on the loop. With proven BDAT it follows without a round trip. A
 * probing BDAT answered 500–504 turns into RSET-free DATA by itself. One answered with another 5xx
 * has spoiled the transaction: go_ahead carries that reply, smtp_client_chunking says what it
 * showed (551 PROVEN, any other BROKEN), and the caller begins the transaction anew, which is not
 * probed again. A later BDAT answered 500–504 comes as a verdict with smtp_client_uses_bdat and
 * CHUNKING_BROKEN: the upstream may be reading the payload as commands. The caller closes the
 * session at once, and gives the message to another. */
void smtp_client_begin_body(struct smtp_client *c);
bool smtp_client_uses_bdat(const struct smtp_client *c);
/* Takes canonical octets, after go_ahead. Returns how many were taken. If that is fewer than all,
 * `low` follows. After an early verdict all are taken and forgotten. */
size_t smtp_client_body(struct smtp_client *c, struct slice octets);
/* Sends ".CRLF" or the LAST chunk. `verdict` or `lost` follows. */
void smtp_client_end_body(struct smtp_client *c);
/* Gives the transaction up before its end, or after its verdict. If smtp_client_can_reset says so,
 * it sends RSET and returns true. Then `ready` follows, and the owner hears no reply to what it
 * asked before. Otherwise it closes the connection without a dot and without LAST, and returns
 * false. Then `lost` does not come either, and the client is gone. */
bool smtp_client_abort(struct smtp_client *c) MUST_USE;
/* Sends RSET, after a transaction in which everything was refused, or to be sure. `ready` or `lost`
 * follows. */
void smtp_client_rset(struct smtp_client *c);
/* Returns whether RSET would be understood now. It would not in mid-body, after an early verdict on
 * DATA, and when the session is about to be lost. Then close the session. */
bool smtp_client_can_reset(const struct smtp_client *c);

/* Returns the number of round trips that were spent since smtp_client_mail. */
unsigned smtp_client_flights(const struct smtp_client *c);
/* Returns the code of a reply that has begun to arrive and is not whole, or 0 if there is none. An
 * owner that gives up waiting asks it, because half a 535 is a 535. */
int smtp_client_code_so_far(const struct smtp_client *c);
bool smtp_client_is_idle(const struct smtp_client *c);
/* Returns what the session is about just now. It is for an owner whose deadline passed. */
enum smtp_client_stage smtp_client_stage(const struct smtp_client *c);
/* Sends QUIT where the peer can hear it, and closes within 2 s. No event comes any more. */
void smtp_client_quit(struct smtp_client **c);
/* Closes at once. No event comes any more. */
void smtp_client_close(struct smtp_client **c);

#endif
