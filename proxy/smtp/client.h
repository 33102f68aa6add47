/* The client half: one session with an upstream, over a connected stream. It knows SMTP and nothing
 * of clients. Three small machines: connection (greeting, EHLO, STARTTLS, EHLO again), AUTH,
 * transaction. A row per state (name, deadline, what we are doing in words, judge); a judge returns
 * the next state.
 *
 * The client ends with exactly one `lost` event, or with smtp_client_close / smtp_client_quit by
 * its owner; after any of these no event comes. Events come only from the loop. Any reply that
 * nobody asked for, a reply too many, a reply to a command that has not left yet, bytes after the
 * 220 to STARTTLS end the session (SMTP_CLIENT_FAULT_PROTOCOL; a 421 among them
 * SMTP_CLIENT_FAULT_REPLY). From the first such byte nothing is sent any more, so that no reply can
 * answer the wrong command.
 *
 * Clocks: while connecting and authenticating the owner has the deadline (smtp_client_stage tells
 * what to call it); from MAIL on the client half watches reply_timeout and final_timeout itself. */
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
    SMTP_CLIENT_TLS_MAY /* STARTTLS where offered */,
    SMTP_CLIENT_TLS_NONE
};

/* Hears the dialog of a session, line by line, for `doctor -v`. A line has lost its CRLF, and no
 * secret is in it: what AUTH sends, what it is asked, and words that repeat the credentials are
 * left out. The line is borrowed for the call. */
struct smtp_client_listener {
    void (*line)(void *ctx, bool from_server, struct slice line);
    void *ctx;
};

/* borrowed for the client's life */
struct smtp_client_settings {
    /* "" or NULL: the literal of the local address */
    const char *helo;
    enum smtp_client_tls tls;
    /* NULL only for SMTP_CLIENT_TLS_NONE */
    struct tls_context *context;
    /* AUTH only over TLS whose facts say verified (false only with plaintext_auth) */
    bool needs_verified;
    enum auth_choice auth;
    /* the kind of what smtp_client_auth will be given */
    enum mechanism_secret secret;
    /* the server as it is configured, for mechanisms that name it; NULL: they don't */
    const char *host;
    uint16_t port;
    /* for TLS resumption; NULL: none */
    const char *resume_key;
    usec reply_timeout, final_timeout;
    /* on a pooled session (proxy.ini reply_timeout): 0 = reply_timeout */
    usec first_reply_timeout;
    /* or NULL */
    const struct smtp_client_listener *listener;
};

/* borrowed during smtp_client_auth */
struct smtp_client_credential {
    const char *user;
    /* or an access token, as settings.secret says */
    const struct secret *password;
};

/* what the session was about when something happened */
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
/* "waiting for the greeting", … */
const char *smtp_client_stage_words(enum smtp_client_stage stage);

enum smtp_client_fault {
    /* reset, closed, unreachable: err tells */
    SMTP_CLIENT_FAULT_LINK,
    /* the stage's deadline */
    SMTP_CLIENT_FAULT_TIMEOUT,
    /* the upstream refused: reply holds it (greeting 4xx/5xx, EHLO, STARTTLS, AUTH, 421
     * anywhere) */
    SMTP_CLIENT_FAULT_REPLY,
    /* not SMTP, malformed or unsolicited */
    SMTP_CLIENT_FAULT_PROTOCOL,
    /* not offered, or mangled (ehlo.starttls_mangled) */
    SMTP_CLIENT_FAULT_NO_STARTTLS,
    /* the handshake failed otherwise, a link that broke in it included: err.kind tells */
    SMTP_CLIENT_FAULT_TLS,
    /* facts tell which fault */
    SMTP_CLIENT_FAULT_CERTIFICATE,
    /* AUTH not offered, or no mechanism of ours, or the connection has not earned it, or 504 to the
     * last one (reply holds it) */
    SMTP_CLIENT_FAULT_NO_MECHANISM,
    /* The three below are told by what carries messages without SMTP (carrier.h); reply holds what
     * a client hears, with the service's own words. It does not work just now: */
    SMTP_CLIENT_FAULT_SERVICE,
    /* it refuses us, whatever the message; */
    SMTP_CLIENT_FAULT_BARRED,
    /* or it gave an answer that it does not have. */
    SMTP_CLIENT_FAULT_STRANGE,
};

/* Why what carries messages does not take one that another session might. */
enum smtp_client_decline {
    /* the null sender */
    SMTP_CLIENT_DECLINES_SENDER,
    /* the header names others than the envelope: their addresses */
    SMTP_CLIENT_DECLINES_OTHERS,
    /* the header's recipients can not be read with certainty: what is wrong */
    SMTP_CLIENT_DECLINES_HEADER,
    /* the message is too large */
    SMTP_CLIENT_DECLINES_SIZE,
    /* we have no room for it ourselves: why */
    SMTP_CLIENT_DECLINES_ROOM,
};

/* What a refused login was about. */
enum smtp_client_login_refusal {
    /* there was none, or the reply's code alone tells */
    SMTP_CLIENT_LOGIN_BY_CODE,
    /* a token, and the code says that it is not taken; 501 says so too */
    SMTP_CLIENT_LOGIN_TOKEN,
    /* a token, and a challenge said what is wrong with it: login_words */
    SMTP_CLIENT_LOGIN_TOKEN_ERROR,
    /* a token, and 501 5.5.12x: Microsoft's codes for a token that is too old, or somebody
     * else's */
    SMTP_CLIENT_LOGIN_TOKEN_MISFIT,
};

/* borrowed during the event */
struct smtp_client_failure {
    enum smtp_client_stage stage;
    enum smtp_client_fault fault;
    /* or NULL */
    const struct reply *reply;
    /* the peer ever sent any byte */
    bool saw_bytes;
    /* PROMISES 6 *sent*: any byte of the final CRLF.CRLF, or the last byte of the LAST chunk, was
     * handed over */
    bool end_of_data_sent;
    /* bytes came that no command had asked for: whatever the owner asked since was never sent */
    bool unasked;
    /* died before the first reply after being taken from the pool */
    bool first_use;
    /* words for log and doctor */
    struct err err;
    /* the same words without the stage that stands before them */
    const char *cause;
    /* not SMTP, but TLS from the first byte */
    bool speaks_tls;
    enum smtp_client_login_refusal login;
    /* "status 400, scope https://mail.example"; "" none */
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
    /* progress, for the race; may be NULL */
    void (*step)(void *ctx, enum smtp_client_step step);
    void (*auth_wanted)(
        /* Everything is ready for AUTH: call smtp_client_auth now or later; our clocks stand still.
         * Never with AUTH_NONE. */
        void *ctx);
    /* authenticated (or AUTH not wanted) and idle: once at first, then after each transaction or
     * RSET that left the session sound */
    void (*ready)(void *ctx);
    /* Transaction. Replies are borrowed. */
    void (*mail_reply)(void *ctx, const struct reply *reply);
    /* index: 0.. in the order of smtp_client_rcpt in this transaction */
    void (*rcpt_reply)(void *ctx, size_t index, const struct reply *reply);
    /* after smtp_client_begin_body: NULL: send the body; otherwise the upstream's refusal of DATA
     * or the probing BDAT */
    void (*go_ahead)(void *ctx, const struct reply *refusal);
    /* after smtp_client_body returned less than all: there is room again */
    void (*low)(void *ctx);
    /* the answer to the message; before smtp_client_end_body: early (only 4xx/5xx). An early 2xx is
     * `lost` with SMTP_CLIENT_FAULT_PROTOCOL */
    void (*verdict)(void *ctx, const struct reply *reply);
    /* Never by SMTP: nothing was sent, and nothing is said about the message but that it is not for
     * this session, which is sound: smtp_client_abort. May come at any time between MAIL and the
     * verdict, instead of all other answers. NULL where no such session comes. words: one printable
     * line, or "" */
    void (*declined)(void *ctx, enum smtp_client_decline why, const char *words);
    /* the session is dead. Last event. The client frees itself at the end of the turn; until `lost`
     * returns it may be asked (facts, ehlo, flights). A peer that merely refused is told QUIT */
    void (*lost)(void *ctx, const struct smtp_client_failure *failure);
};

/* Takes a stream that is connected (tunnel included) and speaks from the greeting on. Keeps io,
 * settings, events. Gives. */
struct smtp_client *smtp_client_new(const struct io *io, struct stream *s,
                                    const struct smtp_client_settings *settings,
                                    const struct smtp_client_events *events, void *ctx);
/* Borrows the session as what carries messages (carrier.h). NULL: NULL. */
struct carrier *smtp_client_carrier(struct smtp_client *c);
/* race, then pool, then transaction */
void smtp_client_set_owner(struct smtp_client *c, const struct smtp_client_events *events,
                           void *ctx);
/* the owner's copy moved */
void smtp_client_set_settings(struct smtp_client *c, const struct smtp_client_settings *settings);

/* Once after auth_wanted; `ready` or `lost` follows. Mechanisms as proxy.ini auth; 504 tries the
 * next one on this session. An initial response with a token that is answered 500 or 501 (but for
 * 501 5.5.12x) is sent once more, on a line of its own. SCRAM derives its key on a helper
 * thread. */
void smtp_client_auth(struct smtp_client *c, const struct smtp_client_credential *credential);
/* an AUTH command was sent on this session */
bool smtp_client_used_auth_command(const struct smtp_client *c);

/* Of the last EHLO; after HELO: empty. */
const struct ehlo *smtp_client_ehlo(const struct smtp_client *c);
/* NULL: clear */
const struct tls_facts *smtp_client_tls_facts(const struct smtp_client *c);
/* "PLAIN"; "" when none was used */
const char *smtp_client_mechanism(const struct smtp_client *c);
const struct addr *smtp_client_peer(const struct smtp_client *c);
const struct addr *smtp_client_local(const struct smtp_client *c);
const struct err *smtp_client_last_error(const struct smtp_client *c);
/* for the owner's questions only (rtt, facts); never write to it */
struct stream *smtp_client_stream(struct smtp_client *c);

/* Transaction. One at a time, on an idle session. What is asked for in one turn leaves in one
 * write; with PIPELINING without waiting, else in lock-step. */
/* borrowed during smtp_client_mail */
struct smtp_client_mail {
    /* without brackets; "" null sender */
    struct slice from;
    bool has_size;
    uint64_t size;
    /* BODY=8BITMIME, where the upstream has it */
    bool eightbit;
    /* the caller has checked that the upstream has it */
    bool smtputf8;
    /* sent only where the upstream has DSN */
    struct slice ret, envid;
};
/* the next reply is the first after a rest: first_use, first_reply_timeout */
void smtp_client_mark_pooled(struct smtp_client *c);
void smtp_client_mail(struct smtp_client *c, const struct smtp_client_mail *mail);
void smtp_client_rcpt(struct smtp_client *c, struct slice to, struct slice notify,
                      struct slice orcpt);

/* what is known of BDAT at this port (PROMISES 6 DATA) */
enum smtp_client_chunking {
    /* announced, never tried: an empty first chunk goes ahead and its reply is
                        * awaited */
    CHUNKING_UNPROVEN,
    CHUNKING_PROVEN,
    /* Announced, but BDAT was answered 500–504, or the probe with another 5xx
                        * than 551: DATA. */
    CHUNKING_BROKEN,
};
/* Before smtp_client_begin_body, later it is ignored; the default is UNPROVEN. */
void smtp_client_set_chunking(struct smtp_client *c, enum smtp_client_chunking known);
/* what was learnt since */
enum smtp_client_chunking smtp_client_chunking(const struct smtp_client *c);

/* After at least one accepted RCPT: DATA, or BDAT where CHUNKING is announced and not broken.
 * go_ahead follows, on the loop (for proven BDAT without a round trip). A probing BDAT answered
 * 500–504 turns into RSET-free DATA by itself. One answered with another 5xx has spoiled the
 * transaction: go_ahead carries that reply, smtp_client_chunking says what it showed (551 PROVEN,
 * any other BROKEN), and the caller begins the transaction anew, which is not probed again. A later
 * BDAT answered 500–504 comes as a verdict with smtp_client_uses_bdat and CHUNKING_BROKEN: the
 * upstream may be reading the payload as commands. The caller closes the session at once, and gives
 * the message to another. */
void smtp_client_begin_body(struct smtp_client *c);
bool smtp_client_uses_bdat(const struct smtp_client *c);
/* Canonical octets, after go_ahead. Returns how many were taken (all, or fewer: then `low`
 * follows). After an early verdict all are taken and forgotten. */
size_t smtp_client_body(struct smtp_client *c, struct slice octets);
/* ".CRLF" or the LAST chunk; verdict or lost follows */
void smtp_client_end_body(struct smtp_client *c);
/* The transaction is given up before its end, or after its verdict: RSET where that is clean
 * (smtp_client_can_reset): then `ready` follows, and what was asked before is answered to nobody;
 * else the connection is closed without a dot and without LAST: then `lost` does not come either
 * and the client is gone; returns false then. */
bool smtp_client_abort(struct smtp_client *c) MUST_USE;
/* After a transaction in which everything was refused, or to be sure: RSET; `ready` or `lost`
 * follows. */
void smtp_client_rset(struct smtp_client *c);
/* Would RSET be understood now? False in mid-body, after an early verdict on DATA, and when the
 * session is about to be lost: then close it. */
bool smtp_client_can_reset(const struct smtp_client *c);

/* round trips spent since smtp_client_mail */
unsigned smtp_client_flights(const struct smtp_client *c);
/* The code of a reply that has begun to arrive and is not whole; 0: none. For who gives up waiting:
 * half a 535 is a 535. */
int smtp_client_code_so_far(const struct smtp_client *c);
bool smtp_client_is_idle(const struct smtp_client *c);
/* what the session is about just now: for an owner whose deadline passed */
enum smtp_client_stage smtp_client_stage(const struct smtp_client *c);
/* QUIT where the peer can hear it, within 2 s, then close. No event any more */
void smtp_client_quit(struct smtp_client **c);
/* at once. No event any more */
void smtp_client_close(struct smtp_client **c);

#endif
