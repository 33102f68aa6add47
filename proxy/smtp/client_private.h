/* Shared by the files of the client half. No other file includes this.
 *
 * The session is a queue of commands whose replies are awaited (`struct asked`, oldest first), and
 * a state of rest that holds when the queue is empty. The session stands where its oldest command
 * stands, or in the state of rest if there is none: smtp_client_now. Each state has a row in
 * client_state.c. The judge of the row gets the reply and returns the next state. When a judge
 * sends the session to a state of rest, that row's `arrive` is called, which tells the owner.
 *
 * The owner may do anything in an event, even close the session. Code behind an event must call
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
    /* A command was sent or waits to be sent. Its reply is due. */
    CS_GREETING,
    CS_EHLO,
    /* The upstream does not know EHLO, and nothing is wanted that only EHLO could offer. */
    CS_HELO,
    CS_STARTTLS,
    /* This is the second EHLO, which is under TLS. */
    CS_EHLO_AGAIN,
    CS_AUTH,
    CS_MAIL,
    CS_RCPT,
    CS_DATA,
    /* This is the empty first BDAT. */
    CS_PROBE,
    /* This is a BDAT that is not the last. */
    CS_CHUNK,
    /* This is the final dot or the LAST chunk. */
    CS_END,
    CS_RSET,
    /* The states from here on are those of rest. No reply is due. */
    /* The session is between two steps of the connection machine. */
    CS_CONNECTING,
    CS_HANDSHAKE,
    /* The owner shall call smtp_client_auth. */
    CS_AUTH_WANTED,
    /* A helper thread derives a key. */
    CS_AUTH_WORKING,
    CS_IDLE,
    /* The owner shall ask one more RCPT, or begin the body. */
    CS_ENVELOPE,
    /* The session is between 354 and the dot. */
    CS_BODY,
    /* The session is between two BDATs. */
    CS_CHUNKS,
    /* DATA or the probe was refused. The owner shall call smtp_client_rset. */
    CS_REFUSED,
    /* The message was taken: CS_IDLE follows, unless the owner does something else. */
    CS_ACCEPTED,
    /* The transaction has its verdict, or was given up. The owner shall call smtp_client_rset. */
    CS_JUDGED,
    /* The transaction has its verdict, but the upstream may take what we send next for something
     * else. */
    CS_SPOILT,
    CS_GONE,
    CS_COUNT
};

enum smtp_client_clock {
    /* The session has no deadline of its own. */
    CLOCK_OWNER,
    /* Allows reply_timeout since the last reply, or since the command if that is later. */
    CLOCK_REPLY,
    /* Allows the same, but bytes that leave count, too. */
    CLOCK_PROGRESS,
    /* Allows final_timeout since the last byte left. */
    CLOCK_FINAL,
};

/* How the upstream would read octets if we sent them now, behind everything that was asked. */
enum smtp_client_hears {
    HEARS_COMMANDS,
    /* The upstream takes them for the message or its end. Anything else would become a part of it,
     * or come too early. */
    HEARS_BODY,
    /* This cannot be known. */
    HEARS_NOTHING,
};

/* How far the transaction is. Each stage follows those above it. */
enum smtp_client_transaction {
    TRANSACTION_NONE,
    /* MAIL was asked. More RCPT may follow. */
    TRANSACTION_ENVELOPE,
    /* The owner called smtp_client_begin_body. */
    TRANSACTION_BODY,
    /* The owner called smtp_client_end_body. `end_at` tells whether the end is queued. */
    TRANSACTION_ENDING,
    /* It was given up before it had a verdict. Replies to earlier commands are read and dropped. */
    TRANSACTION_ABANDONED,
    /* The verdict was told, or the body was refused. RSET does not change that. */
    TRANSACTION_JUDGED,
};

typedef enum smtp_client_state smtp_client_judge(struct smtp_client *c, const struct reply *reply);

struct smtp_client_row {
    /* The debug log says this. */
    const char *name;
    /* Tells the owner what we are doing (smtp_client_stage_words). */
    enum smtp_client_stage stage;
    enum smtp_client_clock clock;
    enum smtp_client_hears hears;
    smtp_client_judge *judge;
    /* Is called when a judge has sent the session here with this reply. Tells the owner and returns
     * the next state. NULL means that nothing happens. */
    smtp_client_judge *arrive;
};

extern const struct smtp_client_row smtp_client_rows[CS_COUNT];

struct asked {
    /* The position behind the command's last byte. It is valid once the command was sent. No honest
     * reply comes before the transport has taken that byte. */
    uint64_t end;
    /* The number of its octets in `lines` that were not sent yet. 0 means that it was sent. */
    uint16_t waiting;
    uint8_t state;
};

enum {
    /* The number of commands in the queue before it moves to the heap. It is a power of two. */
    ASKED_INLINE = 16,
    /* There is room for "BDAT 16352 LAST\r\n". */
    CHUNK_COMMAND = 32,
    /* The number of BDATs whose replies may be due at once. It is small, so that a dying upstream
     * is noticed before the last one is sent, while a replay is possible. */
    CHUNKS_OUTSTANDING = 16,
    /* The same number for a message that is too large for a replay. */
    CHUNKS_BEYOND_REPLAY = 64,
    /* How often the output queue is looked at within one timeout. */
    PROGRESS_CHECKS = 8,
    /* The longest MAIL or RCPT fits, with its address, ENVID or ORCPT, and keywords. */
    LINE_ROOM = 4096,
};

struct auth_job;

/* The AUTH machine. It is empty outside of AUTH. */
struct smtp_client_login {
    struct sasl *sasl;
    enum mechanism mechanism;
    /* The bits of the mechanisms that got 504. */
    unsigned tried;
    /* How many 334s were answered with this mechanism. */
    unsigned rounds;
    /* The initial response stood behind AUTH. */
    bool said_at_once;
    /* It was refused there, and is given after a 334. */
    bool in_two_steps;
    char *user;
    struct secret *password;
    /* Runs on a helper thread, which owns `sasl` meanwhile. */
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
    /* A reply is being judged. It answers judged_in. */
    bool is_judging;
    enum smtp_client_state judged_in;
    struct reply_parser parser;
    struct timer *timer;
    /* The loop time of the last sign of life that the row's clock counts. */
    usec active_at;
    uint64_t handed_seen;
    /* Events must come from the loop. A go_ahead, or a failure that was found inside a call, waits
     * for this. */
    struct deferred later;
    bool go_ahead_due, failure_due;
    enum smtp_client_fault late_fault;
    struct err err;
    /* Where the words for the stage end in err.words. */
    size_t cause_at;

    /* A ring of asked_size commands. Of them nasked are awaited, and nsent of these were sent. */
    struct asked *asked;
    struct asked asked_inline[ASKED_INLINE];
    size_t asked_size, asked_head, nasked, nsent;
    /* The commands that were not sent yet. */
    struct buf lines;

    bool saw_bytes;
    /* Bytes came that nobody asked for. Nothing is sent any more, and the session ends with the
     * next whole reply. */
    bool excess;
    /* The reply that is being judged came before its whole command had left. */
    bool answered_early;
    /* No reply came since smtp_client_mark_pooled. */
    bool fresh_from_pool;
    /* The last EHLO offered it. */
    bool pipelining;
    /* The greeting began like one of SMTP. */
    bool knows_peer;
    /* How the greeting began, as far as it was read. */
    char first[8];
    size_t nfirst;
    bool speaks_tls;
    struct ehlo ehlo;

    struct smtp_client_login login;
    bool used_auth;
    const char *mechanism;

    /* These fields belong to the transaction. flights counts how often we waited for the
     * upstream. */
    unsigned flights;
    size_t rcpts_answered;
    enum smtp_client_transaction transaction;
    bool uses_bdat;
    bool wants_low;
    /* The position of the first byte that makes the message *sent* (PROMISES 6), or 0 if that byte
     * is not queued yet. */
    uint64_t end_at;
    uint64_t body_octets;
    /* The number of CS_CHUNK in the queue. */
    unsigned chunks_out;
    enum smtp_client_chunking chunking;
    struct dot_encoder dots;
    /* The chunk that is being filled. */
    struct buf stage;
};

/* ---- client_core.c ---- */
enum smtp_client_state smtp_client_now(const struct smtp_client *c);
/* Sets the state, except when a session ends (client_end.c). Takes a state of rest, or what a judge
 * returned. A state that was just asked changes nothing. Nothing leads out of CS_GONE. */
enum smtp_client_state smtp_client_enter(struct smtp_client *c, enum smtp_client_state next);
/* A judge returns this if its reply changes nothing but the queue. */
enum smtp_client_state smtp_client_stay(const struct smtp_client *c);
/* Returns whether nothing may be sent any more. */
bool smtp_client_is_mute(const struct smtp_client *c);
/* Returns what the upstream hears now. smtp_client_can_reset and QUIT ask it. */
enum smtp_client_hears smtp_client_hears(const struct smtp_client *c);
/* Returns the clock of the state where the session stands, and the time that a clock allows. */
enum smtp_client_clock smtp_client_clock_now(const struct smtp_client *c);
usec smtp_client_allowed(const struct smtp_client *c, enum smtp_client_clock clock);
/* Starts the clock of the present state again. */
void smtp_client_watch(struct smtp_client *c);

/* ---- client_end.c ---- */
/* Ends a session that is dead. Calls `lost`, closes the stream, and frees at the end of the turn.
 * Is called from the loop only. Returns CS_GONE. */
enum smtp_client_state smtp_client_lose(struct smtp_client *c, enum smtp_client_fault fault,
                                        const struct reply *reply, enum err_kind kind,
                                        const char *fmt, ...) PRINTF_LIKE(5, 6);
/* Does the same with SMTP_CLIENT_FAULT_REPLY. */
enum smtp_client_state smtp_client_lose_to_reply(struct smtp_client *c, const struct reply *reply);
/* Does the same for a code that no server may answer here (354 to RCPT, 250 to DATA). The replies
 * are out of step with the commands (RFC 2920 3.1), so it is only safe to end. */
enum smtp_client_state smtp_client_lose_out_of_step(struct smtp_client *c,
                                                    const struct reply *reply);
/* Does the same from inside a call of the owner's. It happens at the end of the turn. */
void smtp_client_fail_later(struct smtp_client *c, enum smtp_client_fault fault, enum err_kind kind,
                            const char *words);
void smtp_client_go_ahead_later(struct smtp_client *c);
/* Is the deferred part of smtp_client_fail_later and smtp_client_go_ahead_later. */
void smtp_client_late(void *arg);

/* ---- client_ask.c ---- */
/* Sends a line (CRLF included), or keeps it until its turn comes, and expects a reply to it.
 * Returns the state. */
enum smtp_client_state smtp_client_ask(struct smtp_client *c, enum smtp_client_state state,
                                       struct slice line);
void smtp_client_expect_greeting(struct smtp_client *c);
/* Expects a reply without sending anything, because the bytes were written, or none are needed. */
void smtp_client_expect(struct smtp_client *c, enum smtp_client_state state);
/* Returns false if the session is mute, or if unread bytes would be taken for the answer. */
bool smtp_client_may_speak(struct smtp_client *c);
/* Removes the oldest command from the queue. */
void smtp_client_answered(struct smtp_client *c);
void smtp_client_send_waiting(struct smtp_client *c);
/* Returns whether the value holds no control octet, so that it cannot end a line and begin another
 * (RFC 5321 2.3.8). */
bool smtp_client_is_safe(struct slice value);
/* Forgets the commands that were not sent yet. */
void smtp_client_drop_waiting(struct smtp_client *c);
/* Return NULL if no reply is awaited. */
const struct asked *smtp_client_oldest(const struct smtp_client *c);
const struct asked *smtp_client_newest(const struct smtp_client *c);

/* ---- client_greet.c: greeting, EHLO, STARTTLS ---- */
smtp_client_judge client_judge_greeting, client_judge_ehlo, client_judge_helo;
smtp_client_judge client_judge_starttls, client_judge_ehlo_again;
void smtp_client_start(struct smtp_client *c);
void smtp_client_secured(struct smtp_client *c);
/* Returns false if more bytes are needed, or if the peer does not speak SMTP and the session has
 * ended. */
bool smtp_client_knows_peer(struct smtp_client *c, struct slice view, size_t *used_r);
smtp_client_judge client_arrive_handshake, client_arrive_idle;

/* ---- client_auth.c ---- */
smtp_client_judge client_judge_auth, client_arrive_auth_wanted;
enum smtp_client_state smtp_client_want_auth(struct smtp_client *c);
/* Wipes the password and frees the AUTH machine. */
void smtp_client_forget_login(struct smtp_client *c);
/* Returns whether these words repeat the credentials of the login in progress. */
bool smtp_client_echoes(const struct smtp_client *c, struct slice words);
/* Returns why the login in progress was refused. words_r gets the server's words on it, or "". */
enum smtp_client_login_refusal smtp_client_login_refusal(const struct smtp_client *c,
                                                         const struct reply *reply,
                                                         char words_r[CAP_TOKEN_COMPLAINT]);

/* ---- client_dialog.c: what the settings' listener is told ---- */
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
/* Call this when the stream has room again, or when a reply came. */
void smtp_client_pump_body(struct smtp_client *c);
bool smtp_client_end_is_sent(const struct smtp_client *c);

/* ---- client_carrier.c ---- */
extern const struct carrier_kind smtp_client_kind;

/* ---- client.c ---- */
smtp_client_judge client_judge_unasked;

#endif
