/* The client half: one session with an upstream, over a connected stream. It knows SMTP and nothing
 * of clients. Three small machines: connection (greeting, EHLO, STARTTLS, EHLO again), AUTH,
 * transaction. A row per state (name, deadline, what we are doing in words, judge); a judge returns
 * the next state.
 *
 * The client ends with exactly one `lost` event, or with client_close / client_quit by its owner;
 * after any of these no event comes. Events come only from the loop. Any reply that nobody asked
 * for, a reply too many, a reply to a command that has not left yet, bytes after the 220 to
 * STARTTLS end the session (CLIENT_FAULT_PROTOCOL; a 421 among them CLIENT_FAULT_REPLY). From the
 * first such byte nothing is sent any more, so that no reply can answer the wrong command.
 *
 * Clocks: while connecting and authenticating the owner has the deadline (client_stage tells what
 * to call it); from MAIL on the client half watches reply_timeout and final_timeout itself. */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include <stdint.h>

#include "base/secret.h"
#include "base/units.h"
#include "io/stream.h"
#include "wire/ehlo.h"
#include "wire/reply.h"

struct client;
struct io;

enum client_tls {
    CLIENT_TLS_STARTTLS,
    CLIENT_TLS_IMPLICIT,
    CLIENT_TLS_MAY /* STARTTLS where offered */,
    CLIENT_TLS_NONE
};

enum client_auth_choice {
    CLIENT_AUTH_AUTO,
    CLIENT_AUTH_NONE,
    CLIENT_AUTH_PLAIN,
    CLIENT_AUTH_LOGIN,
    CLIENT_AUTH_CRAM_MD5,
    CLIENT_AUTH_SCRAM_SHA_256
};

/* borrowed for the client's life */
struct client_settings {
    /* "" or NULL: the literal of the local address */
    const char *helo;
    enum client_tls tls;
    /* NULL only for CLIENT_TLS_NONE */
    struct tls_context *context;
    /* AUTH only over TLS whose facts say verified (false only with plaintext_auth) */
    bool needs_verified;
    enum client_auth_choice auth;
    /* for TLS resumption; NULL: none */
    const char *resume_key;
    usec reply_timeout, final_timeout;
    /* on a pooled session (PRODUCT reply_timeout): 0 = reply_timeout */
    usec first_reply_timeout;
};

/* borrowed during client_auth */
struct client_credential {
    const char *user;
    const struct secret *password;
};

/* what the session was about when something happened */
enum client_stage {
    CLIENT_GREETING,
    CLIENT_EHLO,
    CLIENT_STARTTLS,
    CLIENT_HANDSHAKE,
    CLIENT_EHLO_AGAIN,
    CLIENT_AUTH,
    CLIENT_IDLE,
    CLIENT_MAIL,
    CLIENT_RCPT,
    CLIENT_DATA,
    CLIENT_BODY,
    CLIENT_END_OF_DATA,
    CLIENT_RSET,
    CLIENT_QUIT
};
/* "waiting for the greeting", … */
const char *client_stage_words(enum client_stage stage);

enum client_fault {
    /* reset, closed, unreachable: err tells */
    CLIENT_FAULT_LINK,
    /* the stage's deadline */
    CLIENT_FAULT_TIMEOUT,
    /* the upstream refused: reply holds it (greeting 4xx/5xx, EHLO, STARTTLS, AUTH, 421
     * anywhere) */
    CLIENT_FAULT_REPLY,
    /* not SMTP, malformed or unsolicited */
    CLIENT_FAULT_PROTOCOL,
    /* not offered, or mangled (ehlo.starttls_mangled) */
    CLIENT_FAULT_NO_STARTTLS,
    /* the handshake failed otherwise, a link that broke in it included: err.kind tells */
    CLIENT_FAULT_TLS,
    /* facts tell which fault */
    CLIENT_FAULT_CERTIFICATE,
    /* AUTH not offered, or no mechanism of ours, or the connection has not earned it, or 504 to the
     * last one (reply holds it) */
    CLIENT_FAULT_NO_MECHANISM,
};

/* borrowed during the event */
struct client_failure {
    enum client_stage stage;
    enum client_fault fault;
    /* or NULL */
    const struct reply *reply;
    /* the peer ever sent any byte */
    bool saw_bytes;
    /* PRODUCT 6 *sent*: any byte of the final CRLF.CRLF, or the last byte of the LAST chunk, was
     * handed over */
    bool end_of_data_sent;
    /* bytes came that no command had asked for: whatever the owner asked since was never sent */
    bool unasked;
    /* died before the first reply after being taken from the pool */
    bool first_use;
    /* words for log and doctor */
    struct err err;
};

enum client_step {
    CLIENT_STEP_GREETING,
    CLIENT_STEP_EHLO,
    CLIENT_STEP_STARTTLS,
    CLIENT_STEP_TLS,
    CLIENT_STEP_EHLO_AGAIN
};

struct client_events {
    /* progress, for the race; may be NULL */
    void (*step)(void *ctx, enum client_step step);
    /* everything is ready for AUTH: call client_auth now or later; our clocks stand still. Never
     * with CLIENT_AUTH_NONE */
    void (*auth_wanted)(void *ctx);
    /* authenticated (or AUTH not wanted) and idle: once at first, then after each transaction or
     * RSET that left the session sound */
    void (*ready)(void *ctx);
    /* Transaction. Replies are borrowed. */
    void (*mail_reply)(void *ctx, const struct reply *reply);
    /* index: 0.. in the order of client_rcpt in this transaction */
    void (*rcpt_reply)(void *ctx, size_t index, const struct reply *reply);
    /* after client_begin_body: NULL: send the body; otherwise the upstream's refusal of DATA or the
     * probing BDAT */
    void (*go_ahead)(void *ctx, const struct reply *refusal);
    /* after client_body returned less than all: there is room again */
    void (*low)(void *ctx);
    /* the answer to the message; before client_end_body: early (only 4xx/5xx). An early 2xx is
     * `lost` with CLIENT_FAULT_PROTOCOL */
    void (*verdict)(void *ctx, const struct reply *reply);
    /* the session is dead. Last event. The client frees itself at the end of the turn; until `lost`
     * returns it may be asked (facts, ehlo, flights). A peer that merely refused is told QUIT */
    void (*lost)(void *ctx, const struct client_failure *failure);
};

/* Takes a stream that is connected (tunnel included) and speaks from the greeting on. Keeps io,
 * settings, events. Gives. */
struct client *client_new(const struct io *io, struct stream *s,
                          const struct client_settings *settings,
                          const struct client_events *events, void *ctx);
/* race, then pool, then transaction */
void client_set_owner(struct client *c, const struct client_events *events, void *ctx);
/* the owner's copy moved */
void client_set_settings(struct client *c, const struct client_settings *settings);

/* Once after auth_wanted; `ready` or `lost` follows. Mechanisms as PRODUCT auth; 504 tries the next
 * one on this session. SCRAM derives its key on a helper thread. */
void client_auth(struct client *c, const struct client_credential *credential);
/* an AUTH command was sent on this session */
bool client_used_auth_command(const struct client *c);

/* of the last EHLO */
const struct ehlo *client_ehlo(const struct client *c);
/* NULL: clear */
const struct tls_facts *client_tls_facts(const struct client *c);
/* "PLAIN"; "" when none was used */
const char *client_mechanism(const struct client *c);
const struct addr *client_peer(const struct client *c);
const struct addr *client_local(const struct client *c);
const struct err *client_last_error(const struct client *c);
/* for the owner's questions only (rtt, facts); never write to it */
struct stream *client_stream(struct client *c);

/* Transaction. One at a time, on an idle session. What is asked for in one turn leaves in one
 * write; with PIPELINING without waiting, else in lock-step. */
/* borrowed during client_mail */
struct client_mail {
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
void client_mark_pooled(struct client *c);
void client_mail(struct client *c, const struct client_mail *mail);
void client_rcpt(struct client *c, struct slice to, struct slice notify, struct slice orcpt);

/* what is known of BDAT at this port (PRODUCT 6 DATA) */
enum client_chunking {
    /* announced, never tried: an empty first chunk goes ahead and its reply is
                        * awaited */
    CHUNKING_UNPROVEN,
    CHUNKING_PROVEN,
    /* announced, but BDAT was answered 500–504: DATA */
    CHUNKING_BROKEN,
};
/* before client_begin_body; the default is UNPROVEN */
void client_set_chunking(struct client *c, enum client_chunking known);
/* what was learnt since */
enum client_chunking client_chunking(const struct client *c);

/* After at least one accepted RCPT: DATA, or BDAT where CHUNKING is announced and not broken.
 * go_ahead follows, on the loop (for proven BDAT without a round trip). A probing BDAT answered
 * 500–504 turns into RSET-free DATA by itself. One answered with another 5xx has shown that BDAT is
 * known (client_chunking says PROVEN now) and has spoiled the transaction: go_ahead carries that
 * reply, and the caller begins the transaction anew, which is not probed again. */
void client_begin_body(struct client *c);
bool client_uses_bdat(const struct client *c);
/* Canonical octets, after go_ahead. Returns how many were taken (all, or fewer: then `low`
 * follows). After an early verdict all are taken and forgotten. */
size_t client_body(struct client *c, struct slice octets);
/* ".CRLF" or the LAST chunk; verdict or lost follows */
void client_end_body(struct client *c);
/* The transaction is given up before its end, or after its verdict: RSET where that is clean
 * (client_can_reset): then `ready` follows, and what was asked before is answered to nobody; else
 * the connection is closed without a dot and without LAST: then `lost` does not come either and the
 * client is gone; returns false then. */
bool client_abort(struct client *c) MUST_USE;
/* After a transaction in which everything was refused, or to be sure: RSET; `ready` or `lost`
 * follows. */
void client_rset(struct client *c);
/* Would RSET be understood now? False in mid-body, after an early verdict on DATA, and when the
 * session is about to be lost: then close it. */
bool client_can_reset(const struct client *c);

/* round trips spent since client_mail */
unsigned client_flights(const struct client *c);
/* The code of a reply that has begun to arrive and is not whole; 0: none. For who gives up waiting:
 * half a 535 is a 535. */
int client_code_so_far(const struct client *c);
bool client_is_idle(const struct client *c);
/* what the session is about just now: for an owner whose deadline passed */
enum client_stage client_stage(const struct client *c);
/* QUIT where the peer can hear it, within 2 s, then close. No event any more */
void client_quit(struct client **c);
/* at once. No event any more */
void client_close(struct client **c);

#endif
