/* What the files of the client half share, and nobody else sees.
 *
 * The session is a queue of commands whose replies are awaited (`struct asked`, oldest first) and a state of rest that holds when the queue is empty. The oldest
 * command's state, else the state of rest, is where the session stands: client_now. Each state has a row in client_state.c; its judge
 * gets the reply, and returns the state to go on with. An event may make the owner do anything, even close: what follows an event must look at
 * client_now again. */
#ifndef SMTP_CLIENT_PRIVATE_H
#define SMTP_CLIENT_PRIVATE_H

#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "io/io.h"
#include "io/loop.h"
#include "smtp/client.h"
#include "wire/dot.h"

enum client_state {
    /* A command was asked, and its reply is due. */
    CS_GREETING,
    CS_EHLO,
    CS_STARTTLS,
    CS_EHLO_AGAIN, /* under TLS */
    CS_AUTH,
    CS_MAIL,
    CS_RCPT,
    CS_DATA,
    CS_PROBE, /* the empty first BDAT */
    CS_CHUNK, /* a BDAT that is not the last */
    CS_END,   /* the final dot, or the LAST chunk */
    CS_RSET,
    /* At rest: no reply is due. */
    CS_CONNECTING, /* between two steps of the connection machine */
    CS_HANDSHAKE,
    CS_AUTH_WANTED,  /* the owner's move: client_auth */
    CS_AUTH_WORKING, /* a helper thread derives a key */
    CS_IDLE,
    CS_ENVELOPE, /* the owner's move: more RCPT, or the body */
    CS_BODY,     /* between 354 and the dot */
    CS_CHUNKS,   /* between two BDATs */
    CS_JUDGED,   /* the transaction has its verdict; the owner's move: client_rset */
    CS_GONE,
    CS_COUNT
};

enum client_clock {
    CLOCK_OWNER,    /* no deadline of ours */
    CLOCK_REPLY,    /* reply_timeout since the last reply (or since the question) */
    CLOCK_PROGRESS, /* the same, but bytes that leave count too */
    CLOCK_FINAL,    /* final_timeout since the last byte left */
};

typedef enum client_state client_judge(struct client *c, const struct reply *reply);

struct client_row {
    const char *name;        /* in the debug log */
    enum client_stage stage; /* what we are doing, for the owner: client_stage_words */
    enum client_clock clock;
    client_judge *judge;
};

extern const struct client_row client_rows[CS_COUNT];

struct asked {
    uint64_t end; /* position behind the command's last byte: no honest reply comes before the transport has taken that; valid once sent */
    uint16_t waiting; /* its octets in `lines`, not sent yet; 0: sent */
    uint8_t state;
};

enum {
    ASKED_INLINE = 16,  /* commands under way before the queue moves to the heap: power of two */
    CHUNK_COMMAND = 32, /* room for "BDAT 16352 LAST\r\n" */
    CHUNKS_OUTSTANDING =
        16, /* BDATs whose replies may be due at once: few, so that a dying upstream is noticed before the last one is sent, while a replay is possible; */
    CHUNKS_BEYOND_REPLAY = 64, /* ... and of a message that is too large for one */
    LINE_ROOM = 4096,          /* the longest MAIL or RCPT: address, ENVID or ORCPT, keywords */
};

#define CAP_WAITING_LINES ((size_t)4 * 1024 * 1024) /* commands that wait for a reply or for room; the caller bounds the recipients */

struct auth_job;

struct client_login { /* the AUTH machine; empty outside of AUTH */
    struct sasl *sasl;
    unsigned tried;  /* bits of mechanisms that got 504 */
    unsigned rounds; /* 334s answered with this mechanism */
    char *user;
    struct secret *password;
    struct auth_job *job; /* on a helper thread; it owns `sasl` meanwhile */
};

struct client {
    struct io io;
    struct stream *stream;
    const struct client_settings *settings;
    const struct client_events *events;
    void *ctx;
    enum client_state rest;
    enum client_state hearing; /* whose reply is being judged; CS_COUNT: none */
    struct reply_parser parser;
    struct timer *timer;
    usec active_at; /* the last sign of life that the row's clock counts */
    uint64_t handed_seen;
    struct deferred later; /* events must come from the loop: go_ahead, a failure found inside a call */
    bool go_ahead_due, failure_due;
    enum client_fault late_fault;
    struct err err;

    struct asked *asked; /* ring */
    struct asked asked_inline[ASKED_INLINE];
    size_t asked_size, asked_head, nasked, nsent;
    struct buf lines; /* unsent commands */

    bool saw_bytes;
    bool excess;          /* bytes that nobody asked for: nothing is sent any more, the session ends with the next whole reply */
    bool answered_early;  /* the reply being judged came before its command had left whole */
    bool fresh_from_pool; /* no reply since client_mark_pooled */
    bool pipelining;      /* of the EHLO that counts */
    bool knows_peer;      /* the greeting began like SMTP */
    char first[8];        /* else: how it began */
    size_t nfirst;
    struct ehlo ehlo;

    struct client_login login;
    bool used_auth;
    const char *mechanism;

    /* The transaction. */
    unsigned flights;
    size_t rcpts_answered;
    bool given_up; /* client_abort: replies to what was asked before are read and dropped */
    bool judged;   /* the verdict was told, or the body refused */
    bool clean;    /* RSET would be understood: no body is half-way */
    bool body_begun;
    bool uses_bdat;
    bool wants_low;
    bool ending; /* client_end_body was called, the end is not queued yet */
    bool end_queued;
    uint64_t end_at; /* position of the first byte that makes the message *sent* */
    uint64_t body_octets;
    unsigned chunks_out; /* CS_CHUNK in the queue */
    enum client_chunking chunking;
    struct dot_encoder dots;
    struct buf stage; /* a chunk being filled */
};

/* ---- client.c ---- */
enum client_state client_now(const struct client *c);
/* The one setter. Takes a state of rest, or what a judge returned (a state that was just asked changes nothing). */
enum client_state client_enter(struct client *c, enum client_state next);
bool client_is_mute(const struct client *c); /* nothing may be sent any more */
void client_watch(struct client *c);         /* starts the clock of where we stand anew */

/* ---- client_end.c ---- */
/* The session is dead: tells `lost`, closes, frees at the end of the turn. From the loop only. Returns CS_GONE. */
enum client_state client_lose(struct client *c, enum client_fault fault, const struct reply *reply, enum err_kind kind, const char *fmt,
                              ...) PRINTF_LIKE(5, 6);
enum client_state client_lose_to_reply(struct client *c, const struct reply *reply); /* CLIENT_FAULT_REPLY */
/* A code that no server may answer here (354 to RCPT, 250 to DATA): the replies are out of step (RFC 2920 3.1), and ending is all that is safe. */
enum client_state client_lose_out_of_step(struct client *c, const struct reply *reply);
/* The same out of a call of the owner's: at the end of the turn. */
void client_fail_later(struct client *c, enum client_fault fault, enum err_kind kind, const char *words);
void client_go_ahead_later(struct client *c);
void client_late(void *arg); /* the deferred part of these two */

/* ---- client_ask.c ---- */
/* Sends a line (CRLF included), or keeps it until its turn comes, and expects a reply to it. Returns the state. */
enum client_state client_ask(struct client *c, enum client_state state, struct slice line);
void client_expect_greeting(struct client *c);
void client_expect(struct client *c, enum client_state state); /* only that: the bytes were written, or none are needed */
bool client_may_speak(struct client *c);                       /* false: mute, or bytes lie there that would be taken for the answer */
void client_answered(struct client *c);                        /* takes the oldest question off */
void client_send_waiting(struct client *c);
bool client_is_safe(struct slice value);                   /* no control octet: it can't end a line and begin another (RFC 5321 2.3.8) */
void client_drop_waiting(struct client *c);                /* commands that were not sent yet */
const struct asked *client_oldest(const struct client *c); /* NULL: none */

/* ---- client_greet.c: greeting, EHLO, STARTTLS ---- */
client_judge client_judge_greeting, client_judge_ehlo, client_judge_starttls, client_judge_ehlo_again;
void client_start(struct client *c);
void client_secured(struct client *c);
bool client_knows_peer(struct client *c, struct slice view,
                       size_t *used_r);            /* false: more bytes are needed, or the peer is not SMTP and the session gone */
enum client_state client_settle(struct client *c); /* idle: tells `ready` */

/* ---- client_auth.c ---- */
client_judge client_judge_auth;
enum client_state client_want_auth(struct client *c);
void client_forget_login(struct client *c);                              /* wipes */
bool client_reply_echoes(const struct client *c, const struct reply *r); /* its words repeat the credentials of the login under way */

/* ---- client_mail.c ---- */
client_judge client_judge_mail, client_judge_rcpt, client_judge_rset;

/* ---- client_body.c ---- */
client_judge client_judge_data, client_judge_probe, client_judge_chunk, client_judge_end, client_judge_body;
void client_pump_body(struct client *c); /* there is room, or a reply came */
bool client_end_is_sent(const struct client *c);

client_judge client_judge_unasked;

#endif
