/* ALL failure policy, and all replies of our own (PROMISES 7). What went wrong at which stage
 * decides the reply, whether another session is tried, and whether it shall be on another port. It
 * only computes. */
#ifndef DELIVERY_FAILURE_H
#define DELIVERY_FAILURE_H

#include "mail/message.h"
#include "smtp/client.h"
#include "upstream/account.h"
#include "wire/reply.h"

/* Replies of ours. */
enum own {
    /* Nothing is wrong. There is no reply of ours. */
    OWN_NOTHING = 0,
    /* At connect. These concern no message. */
    OWN_NOT_ALLOWED,
    OWN_TOO_MANY_CLIENTS,
    OWN_TOO_MANY_OF_ONE,
    OWN_TURNED_BACK,
    OWN_CLOSING,
    /* At MAIL. */
    OWN_RATE,
    OWN_NO_ROUTE,
    OWN_NO_ROUTE_YET,
    OWN_BAD_SENDER,
    OWN_SENDER_UTF8,
    /* At MAIL if the upstream's limit is known, otherwise at RCPT. */
    OWN_TOO_BIG,
    OWN_NO_UTF8,
    OWN_BAD_RECIPIENT,
    OWN_RECIPIENT_UTF8,
    /* There is no session. */
    OWN_CREDENTIALS,
    OWN_AUTH_TEMPORARY,
    OWN_TOKEN,
    OWN_TLS,
    OWN_NO_PORT,
    OWN_BUSY,
    OWN_ACCOUNT_RATE,
    OWN_LOOP,
    OWN_SHUTDOWN,
    /* A session was lost. */
    OWN_MALFORMED,
    OWN_LOST_TWICE,
    OWN_NOT_REPLAYABLE,
    /* It was accepted before, and is refused on the session that replaced the lost one. */
    OWN_CHANGED,
    OWN_NO_REPLACEMENT,
    OWN_LOST_SENT,
    /* 421 answered the end of data. The message was not taken, and the session is over. */
    OWN_NOT_TAKEN,
    /* The session was over HTTPS. These three pass on what the service said. */
    OWN_SERVICE,
    OWN_BARRED,
    OWN_THROTTLED,
    /* This port does not take the message. */
    OWN_NULL_SENDER,
    OWN_OTHERS,
    OWN_HEADER,
    OWN_NO_ROOM,
    /* This port does not take the message, and another one might. */
    OWN_OTHER_PORT,
    /* In the body. */
    OWN_OVERRUN,
    OWN_HOPS,
    /* The option header_from is set, and a From or Sender is too long to be seen whole. */
    OWN_LONG_FROM,
    /* The source of the body is damaged or cannot be read. */
    OWN_TORN,
    /* The message goes to the spool. The first answers a recipient, the second the end of data. */
    OWN_WILL_BE_KEPT,
    OWN_KEPT,
    /* It should have gone to the spool, but could not. */
    OWN_NOT_KEPT,
    OWN_COUNT
};

/* The values that a reply may name. NULL for those that it does not. */
struct own_words {
    const char *host;
    /* The list of ports, or why no session is free, or why a message is kept or cannot be. */
    const char *detail;
};

/* Fills `out` (initialised) with the reply. id: the message's log id, which ends the text in
 * brackets. It is NULL for the replies at connect, and "" for a message of which no line tells. */
void failure_say(struct reply *out, enum own which, const char *id, const struct own_words *words);
/* The same, in the words of a service: `said` is copied, and cut where the id would not fit. */
void failure_pass_on(struct reply *out, const struct reply *said, const char *id);
enum result failure_result(enum own which);
/* Return the code, the enhanced code and the fixed words of a reply that names nothing. */
int failure_code(enum own which);
const char *failure_enhanced(enum own which);
const char *failure_text(enum own which);

/* Returns the reply for this reason why there is no session. */
enum own failure_of_refusal(enum refusal why);
/* Returns whether the account itself does not work, whatever the message is, so that its fallback
 * may. This is never so when the message was refused. */
bool failure_is_worth_another_account(enum own which);

/* ---- which messages are kept for later (tests/PROMISES.md, "What the spool sends") ---- */

/* Which messages are kept. With KEEP_WHEN_NEVER none is. */
enum keep_when { KEEP_WHEN_NEVER, KEEP_WHEN_OUTAGE, KEEP_WHEN_TEMPORARY, KEEP_WHEN_ALWAYS };

/* Why a message is kept. With KEEP_NOT it is not. */
enum keep {
    KEEP_NOT,
    KEEP_NO_PORT,
    KEEP_CREDENTIALS,
    KEEP_TOKEN,
    KEEP_BUSY,
    KEEP_RATE,
    KEEP_LOST_LINK,
    KEEP_TEMPORARY,
    KEEP_ALWAYS,
    KEEP_COUNT
};
/* Returns "no-port" and so on for the log and the metric, or NULL for KEEP_NOT. */
const char *failure_keep_name(enum keep keep);
/* Returns why such a message is kept, or KEEP_NOT. `reply` is the upstream's if own is
 * OWN_NOTHING. */
enum keep failure_keep(enum keep_when when, enum own own, const struct reply *reply);

/* How far the transaction was when its session was lost. */
enum loss_stage {
    /* Everything that the upstream was asked has its answer. */
    STAGE_REST,
    /* MAIL or RCPT is unanswered. */
    STAGE_ENVELOPE,
    /* DATA or the probing BDAT is unanswered. */
    STAGE_GO_AHEAD,
    /* The body is being sent, and its end was not *sent*. */
    STAGE_BODY,
    /* The end was *sent* (PROMISES 6), so the upstream may have the message. */
    STAGE_SENT,
    STAGE_COUNT
};

struct loss {
    enum loss_stage stage;
    enum smtp_client_fault fault;
    /* The session came from the pool and was lost before its first reply. */
    bool first_use;
    /* How often that happened to this transaction before. */
    unsigned first_uses;
    /* A session of this transaction was already replaced. */
    bool replaced;
    /* The upstream's reply was about the number of our sessions, and there are others. */
    bool one_too_many;
    /* The next answer was due to the recipient that `journal` adds. */
    bool at_journal;
    /* Everything that the client has sent of the body is still here. */
    bool replayable;
    /* The client was told that a recipient is accepted. */
    bool promised;
    /* A command of the client, or its body, waits. */
    bool awaited;
};

enum cure {
    /* The session is replaced, and this was the one time. */
    CURE_REPLACE,
    /* The session is replaced, and this is not counted. */
    CURE_REPLACE_SILENTLY,
    /* The message waits for another session. Nothing was lost. */
    CURE_WAIT,
    /* The session is replaced, which is not counted. The new one is not asked for the journal. */
    CURE_WITHOUT_JOURNAL,
    /* No answer is due. The session is replaced when the client asks for something again. */
    CURE_LATER,
    /* The client waits for an answer, and `say` is that answer. */
    CURE_ANSWER,
};

struct decision {
    enum cure cure;
    /* Another port is preferred if the session had never completed a transaction. */
    bool other_port;
    /* Valid with CURE_ANSWER. */
    enum own say;
};

struct decision failure_judge(const struct loss *loss);

#endif
