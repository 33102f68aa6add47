/* What the files of the client half share, and nobody else sees.
 *
 * The session is a queue of commands whose replies are awaited (`struct asked`, oldest first) and a
 * state of rest that holds when the queue is empty. The oldest command's state, else the state of
 * rest, is where the session stands: smtp_client_now. Each state has a row in client_state.c; its
 * judge gets the reply, and returns the state to go on with; the row of a state of rest has what
 * happens when a judge sends the session there (`arrive`), which is where the owner is told. An
 * event may make the owner do anything, even close: what follows an event must look at
 * smtp_client_now again. */
#ifndef SMTP_CLIENT_PRIVATE_H
#define SMTP_CLIENT_PRIVATE_H

#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "io/io.h"
#include "io/loop.h"
#include "smtp/carrier.h"
#include "smtp/client.h"
#include "wire/dot.h"

enum smtp_client_state {
    /* A command was asked, and its reply is due. */
    CS_GREETING,
    CS_EHLO,
    /* where EHLO is not known, and nothing is wanted that only EHLO could offer */
    CS_HELO,
    CS_STARTTLS,
    /* under TLS */
    CS_EHLO_AGAIN,
    CS_AUTH,
    CS_MAIL,
    CS_RCPT,
    CS_DATA,
    /* the empty first BDAT */
    CS_PROBE,
    /* a BDAT that is not the last */
    CS_CHUNK,
    /* the final dot, or the LAST chunk */
    CS_END,
    CS_RSET,
    /* At rest: no reply is due. */
    /* between two steps of the connection machine */
    CS_CONNECTING,
    CS_HANDSHAKE,
    /* the owner's move: smtp_client_auth */
    CS_AUTH_WANTED,
    /* a helper thread derives a key */
    CS_AUTH_WORKING,
    CS_IDLE,
    /* the owner's move: more RCPT, or the body */
    CS_ENVELOPE,
    /* between 354 and the dot */
    CS_BODY,
    /* between two BDATs */
    CS_CHUNKS,
    /* DATA or the probe was refused; the owner's move: smtp_client_rset */
    CS_REFUSED,
    /* The message was taken: CS_IDLE follows, unless the owner does something else. */
    CS_ACCEPTED,
    /* the transaction has its verdict, or was given up; the owner's move: smtp_client_rset */
    CS_JUDGED,
    /* It has its verdict, and the upstream may not read the rest as we mean it. */
    CS_SPOILT,
    CS_GONE,
    CS_COUNT
};

enum smtp_client_clock {
    /* no deadline of ours */
    CLOCK_OWNER,
    /* reply_timeout since the last reply (or since the question) */
    CLOCK_REPLY,
    /* the same, but bytes that leave count too */
    CLOCK_PROGRESS,
    /* final_timeout since the last byte left */
    CLOCK_FINAL,
};

/* What the upstream takes octets for that we send behind all that was asked so far. */
enum smtp_client_hears {
    HEARS_COMMANDS,
    /* the message, or its end: anything else would become a part of it, or come too early */
    HEARS_BODY,
    /* it cannot be known */
    HEARS_NOTHING,
};

/* How far the transaction is; each stage follows those above it. */
enum smtp_client_transaction {
    TRANSACTION_NONE,
    /* MAIL was asked, more RCPT may be */
    TRANSACTION_ENVELOPE,
    /* smtp_client_begin_body was called */
    TRANSACTION_BODY,
    /* smtp_client_end_body was called; `end_at` tells whether the end is queued */
    TRANSACTION_ENDING,
    /* given up before it had a verdict: replies to what was asked before are read and dropped */
    TRANSACTION_ABANDONED,
    /* the verdict was told, or the body refused; a RSET changes nothing in that */
    TRANSACTION_JUDGED,
};

typedef enum smtp_client_state smtp_client_judge(struct smtp_client *c, const struct reply *reply);

struct smtp_client_row {
    /* in the debug log */
    const char *name;
    /* what we are doing, for the owner: smtp_client_stage_words */
    enum smtp_client_stage stage;
    enum smtp_client_clock clock;
    enum smtp_client_hears hears;
    smtp_client_judge *judge;
    /* A judge has sent the session here with this reply: tells the owner, and returns the state to
     * go on with. NULL: nothing happens. */
    smtp_client_judge *arrive;
};

extern const struct smtp_client_row smtp_client_rows[CS_COUNT];

struct asked {
    /* position behind the command's last byte: no honest reply comes before the transport has taken
     * that; valid once sent */
    uint64_t end;
    /* its octets in `lines`, not sent yet; 0: sent */
    uint16_t waiting;
    uint8_t state;
};

enum {
    /* commands under way before the queue moves to the heap: power of two */
    ASKED_INLINE = 16,
    /* room for "BDAT 16352 LAST\r\n" */
    CHUNK_COMMAND = 32,
    /* BDATs whose replies may be due at once: few, so that a dying upstream is noticed before the
     * last one is sent, while a replay is possible; */
    CHUNKS_OUTSTANDING = 16,
    /* ... and of a message that is too large for one */
    CHUNKS_BEYOND_REPLAY = 64,
    /* looks at the output queue per timeout */
    PROGRESS_CHECKS = 8,
    /* the longest MAIL or RCPT: address, ENVID or ORCPT, keywords */
    LINE_ROOM = 4096,
};

struct auth_job;

/* the AUTH machine; empty outside of AUTH */
struct smtp_client_login {
    struct sasl *sasl;
    enum mechanism mechanism;
    /* bits of mechanisms that got 504 */
    unsigned tried;
    /* 334s answered with this mechanism */
    unsigned rounds;
    /* The initial response stood behind AUTH; it shall not, because it was refused there. */
    bool said_at_once, in_two_steps;
    char *user;
    struct secret *password;
    /* on a helper thread; it owns `sasl` meanwhile */
    struct auth_job *job;
};

struct smtp_client {
    struct carrier carrier;
    struct io io;
    struct stream *stream;
    const struct smtp_client_settings *settings;
    const struct smtp_client_events *events;
    void *ctx;
    enum smtp_client_state rest;
    /* A reply is being judged, and the state that it answers. */
    bool is_judging;
    enum smtp_client_state judged_in;
    struct reply_parser parser;
    struct timer *timer;
    /* the last sign of life that the row's clock counts */
    usec active_at;
    uint64_t handed_seen;
    /* events must come from the loop: go_ahead, a failure found inside a call */
    struct deferred later;
    bool go_ahead_due, failure_due;
    enum smtp_client_fault late_fault;
    struct err err;
    /* where in its words the stage ends */
    size_t cause_at;

    /* ring */
    struct asked *asked;
    struct asked asked_inline[ASKED_INLINE];
    size_t asked_size, asked_head, nasked, nsent;
    /* unsent commands */
    struct buf lines;

    bool saw_bytes;
    /* bytes that nobody asked for: nothing is sent any more, the session ends with the next whole
     * reply */
    bool excess;
    /* the reply being judged came before its command had left whole */
    bool answered_early;
    /* no reply since smtp_client_mark_pooled */
    bool fresh_from_pool;
    /* of the EHLO that counts */
    bool pipelining;
    /* the greeting began like SMTP */
    bool knows_peer;
    /* else: how it began */
    char first[8];
    size_t nfirst;
    bool speaks_tls;
    struct ehlo ehlo;

    struct smtp_client_login login;
    bool used_auth;
    const char *mechanism;

    /* The transaction. */
    unsigned flights;
    size_t rcpts_answered;
    enum smtp_client_transaction transaction;
    bool uses_bdat;
    bool wants_low;
    /* position of the first byte that makes the message *sent*; 0: it is not queued yet */
    uint64_t end_at;
    uint64_t body_octets;
    /* CS_CHUNK in the queue */
    unsigned chunks_out;
    enum smtp_client_chunking chunking;
    struct dot_encoder dots;
    /* a chunk being filled */
    struct buf stage;
};

/* ---- client_core.c ---- */
enum smtp_client_state smtp_client_now(const struct smtp_client *c);
/* The one setter. Takes a state of rest, or what a judge returned (a state that was just asked
 * changes nothing). Nothing leads out of CS_GONE. */
enum smtp_client_state smtp_client_enter(struct smtp_client *c, enum smtp_client_state next);
/* For a judge whose reply changes nothing but the queue. */
enum smtp_client_state smtp_client_stay(const struct smtp_client *c);
/* nothing may be sent any more */
bool smtp_client_is_mute(const struct smtp_client *c);
/* The one look-up behind smtp_client_can_reset and QUIT. */
enum smtp_client_hears smtp_client_hears(const struct smtp_client *c);
/* the clock of where we stand, and what it allows */
enum smtp_client_clock smtp_client_clock_now(const struct smtp_client *c);
usec smtp_client_allowed(const struct smtp_client *c, enum smtp_client_clock clock);
/* starts the clock of where we stand anew */
void smtp_client_watch(struct smtp_client *c);

/* ---- client_end.c ---- */
/* The session is dead: tells `lost`, closes, frees at the end of the turn. From the loop only.
 * Returns CS_GONE. */
enum smtp_client_state smtp_client_lose(struct smtp_client *c, enum smtp_client_fault fault,
                                        const struct reply *reply, enum err_kind kind,
                                        const char *fmt, ...) PRINTF_LIKE(5, 6);
/* SMTP_CLIENT_FAULT_REPLY */
enum smtp_client_state smtp_client_lose_to_reply(struct smtp_client *c, const struct reply *reply);
/* A code that no server may answer here (354 to RCPT, 250 to DATA): the replies are out of step
 * (RFC 2920 3.1), and ending is all that is safe. */
enum smtp_client_state smtp_client_lose_out_of_step(struct smtp_client *c,
                                                    const struct reply *reply);
/* The same out of a call of the owner's: at the end of the turn. */
void smtp_client_fail_later(struct smtp_client *c, enum smtp_client_fault fault, enum err_kind kind,
                            const char *words);
void smtp_client_go_ahead_later(struct smtp_client *c);
/* the deferred part of these two */
void smtp_client_late(void *arg);

/* ---- client_ask.c ---- */
/* Sends a line (CRLF included), or keeps it until its turn comes, and expects a reply to it.
 * Returns the state. */
enum smtp_client_state smtp_client_ask(struct smtp_client *c, enum smtp_client_state state,
                                       struct slice line);
void smtp_client_expect_greeting(struct smtp_client *c);
/* only that: the bytes were written, or none are needed */
void smtp_client_expect(struct smtp_client *c, enum smtp_client_state state);
/* false: mute, or bytes lie there that would be taken for the answer */
bool smtp_client_may_speak(struct smtp_client *c);
/* takes the oldest question off */
void smtp_client_answered(struct smtp_client *c);
void smtp_client_send_waiting(struct smtp_client *c);
/* no control octet: it can't end a line and begin another (RFC 5321 2.3.8) */
bool smtp_client_is_safe(struct slice value);
/* commands that were not sent yet */
void smtp_client_drop_waiting(struct smtp_client *c);
/* NULL: none */
const struct asked *smtp_client_oldest(const struct smtp_client *c);
const struct asked *smtp_client_newest(const struct smtp_client *c);

/* ---- client_greet.c: greeting, EHLO, STARTTLS ---- */
smtp_client_judge client_judge_greeting, client_judge_ehlo, client_judge_helo;
smtp_client_judge client_judge_starttls, client_judge_ehlo_again;
void smtp_client_start(struct smtp_client *c);
void smtp_client_secured(struct smtp_client *c);
/* false: more bytes are needed, or the peer is not SMTP and the session gone */
bool smtp_client_knows_peer(struct smtp_client *c, struct slice view, size_t *used_r);
smtp_client_judge client_arrive_handshake, client_arrive_idle;

/* ---- client_auth.c ---- */
smtp_client_judge client_judge_auth, client_arrive_auth_wanted;
enum smtp_client_state smtp_client_want_auth(struct smtp_client *c);
/* wipes */
void smtp_client_forget_login(struct smtp_client *c);
/* These words repeat the credentials of the login under way. */
bool smtp_client_echoes(const struct smtp_client *c, struct slice words);
/* What the login under way was refused for, and the server's words on it ("" none). */
enum smtp_client_login_refusal smtp_client_login_refusal(const struct smtp_client *c,
                                                         const struct reply *reply,
                                                         char words_r[CAP_TOKEN_COMPLAINT]);

/* ---- client_dialog.c: for the settings' listener ---- */
void smtp_client_tell_sent(const struct smtp_client *c, enum smtp_client_state state,
                           struct slice line);
void smtp_client_tell_heard(const struct smtp_client *c, enum smtp_client_state state,
                            const struct reply *r);

/* ---- client_mail.c ---- */
smtp_client_judge client_judge_mail, client_judge_rcpt, client_judge_rset;

/* ---- client_body.c ---- */
smtp_client_judge client_judge_data, client_judge_probe, client_judge_chunk, client_judge_end,
    client_judge_body;
smtp_client_judge client_arrive_body, client_arrive_refused, client_arrive_accepted,
    client_arrive_judged;
/* there is room, or a reply came */
void smtp_client_pump_body(struct smtp_client *c);
bool smtp_client_end_is_sent(const struct smtp_client *c);

/* ---- client_carrier.c ---- */
extern const struct carrier_kind smtp_client_kind;

/* ---- client.c ---- */
smtp_client_judge client_judge_unasked;

#endif
