/* ALL failure policy, and all replies that the relay makes itself (PROMISES 7): what went wrong at
 * which stage -> the reply, whether a fresh session is tried, whether from another port. Values in,
 * values out: nothing here touches a session. */
#ifndef DELIVERY_FAILURE_H
#define DELIVERY_FAILURE_H

#include "mail/message.h"
#include "smtp/client.h"
#include "upstream/account.h"
#include "wire/reply.h"

/* Replies of ours. */
enum own {
    /* Nothing is wrong: nothing of ours is to be said. */
    OWN_NOTHING = 0,
    /* at connect: these concern no message */
    OWN_NOT_ALLOWED,
    OWN_TOO_MANY_CLIENTS,
    OWN_TOO_MANY_OF_ONE,
    OWN_TURNED_BACK,
    OWN_CLOSING,
    /* at MAIL */
    OWN_RATE,
    OWN_NO_ROUTE,
    OWN_NO_ROUTE_YET,
    OWN_BAD_SENDER,
    OWN_SENDER_UTF8,
    /* at MAIL where the upstream's limit is known, else at RCPT */
    OWN_TOO_BIG,
    OWN_NO_UTF8,
    OWN_BAD_RECIPIENT,
    OWN_RECIPIENT_UTF8,
    /* no session: the first rows of PROMISES 7 */
    OWN_CREDENTIALS,
    OWN_AUTH_TEMPORARY,
    OWN_TOKEN,
    OWN_TLS,
    OWN_NO_PORT,
    OWN_BUSY,
    OWN_ACCOUNT_RATE,
    OWN_LOOP,
    OWN_SHUTDOWN,
    /* a session lost */
    OWN_MALFORMED,
    OWN_LOST_TWICE,
    OWN_NOT_REPLAYABLE,
    /* accepted before, refused on the session that replaced the lost one */
    OWN_CHANGED,
    OWN_NO_REPLACEMENT,
    OWN_LOST_SENT,
    /* 421 to the end of data: it was not taken, and the session is over */
    OWN_NOT_TAKEN,
    /* over HTTPS: the three below pass on what the service said */
    OWN_SERVICE,
    OWN_BARRED,
    OWN_THROTTLED,
    /* this port does not take the message */
    OWN_NULL_SENDER,
    OWN_OTHERS,
    OWN_HEADER,
    OWN_NO_ROOM,
    /* ... and another one might */
    OWN_OTHER_PORT,
    /* in the body */
    OWN_OVERRUN,
    OWN_HOPS,
    /* header_from is set, and a From or Sender is too long to be seen whole. */
    OWN_LONG_FROM,
    /* the body's source is damaged, or can't be read on */
    OWN_TORN,
    /* the message goes to the spool: to a recipient, to the end of data */
    OWN_WILL_BE_KEPT,
    OWN_KEPT,
    /* it should have, and could not */
    OWN_NOT_KEPT,
    OWN_COUNT
};

/* what a reply may name; NULL for what it does not */
struct own_words {
    const char *host;
    /* the list of ports, or what all sessions do, or why a message is kept or can't be */
    const char *detail;
};

/* Fills `out` (initialised) with the reply. id: the message's log id, which ends the text in
 * brackets. It is NULL for the replies at connect, and "" for a message of which no line tells. */
void failure_say(struct reply *out, enum own which, const char *id, const struct own_words *words);
/* The same, in the words of a service: `said` is copied, and cut where the id would not fit. */
void failure_pass_on(struct reply *out, const struct reply *said, const char *id);
enum result failure_result(enum own which);
/* Just the code, the enhanced code and the fixed words, for replies that name nothing. */
int failure_code(enum own which);
const char *failure_enhanced(enum own which);
const char *failure_text(enum own which);

/* Why there is no session -> what to say. */
enum own failure_of_refusal(enum refusal why);
/* The account itself does not work, whatever the message: its fallback may. A refusal of the
 * message never is. */
bool failure_is_worth_another_account(enum own which);

/* ---- what is kept for later (tests/PROMISES.md, "What the spool sends") ---- */

/* Which messages; of KEEP_WHEN_NEVER nothing is kept. */
enum keep_when { KEEP_WHEN_NEVER, KEEP_WHEN_OUTAGE, KEEP_WHEN_TEMPORARY, KEEP_WHEN_ALWAYS };

/* Why a message is kept; KEEP_NOT: it is not. */
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
/* "no-port" ..., for the log and the metric; NULL: KEEP_NOT */
const char *failure_keep_name(enum keep keep);
/* What becomes of a message that met this. reply: the upstream's, where own is OWN_NOTHING. */
enum keep failure_keep(enum keep_when when, enum own own, const struct reply *reply);

/* Where the transaction stood when its session died. */
enum loss_stage {
    /* nothing asked of the upstream is unanswered */
    STAGE_REST,
    /* MAIL or RCPT is unanswered */
    STAGE_ENVELOPE,
    /* DATA or the probing BDAT is */
    STAGE_GO_AHEAD,
    /* the body is on its way, its end not *sent* */
    STAGE_BODY,
    /* PROMISES 6 *sent*: the upstream may have the message */
    STAGE_SENT,
    STAGE_COUNT
};

struct loss {
    enum loss_stage stage;
    enum smtp_client_fault fault;
    /* a pooled session, dead before its first reply */
    bool first_use;
    /* how often that happened to this transaction before */
    unsigned first_uses;
    /* a session of this transaction was replaced already */
    bool replaced;
    /* the upstream spoke of how many sessions we have, and there are others */
    bool one_too_many;
    /* nothing but the recipient that `journal` adds was unanswered */
    bool only_journal;
    /* what the client has sent of the body is still here, whole */
    bool replayable;
    /* the client was told that a recipient is accepted */
    bool promised;
    /* a command of the client, or its body, waits */
    bool awaited;
};

enum cure {
    /* a fresh session, and this was the one time */
    CURE_REPLACE,
    /* the same, not counted */
    CURE_REPLACE_SILENTLY,
    /* for another session; nothing was lost */
    CURE_WAIT,
    /* a fresh session, not counted, which is not asked for the journal */
    CURE_WITHOUT_JOURNAL,
    /* nothing is owed: a fresh session when the client asks for something again */
    CURE_LATER,
    /* `say` answers what the client waits for */
    CURE_ANSWER,
};

struct decision {
    enum cure cure;
    /* if the session had never completed a transaction */
    bool other_port;
    /* with CURE_ANSWER */
    enum own say;
};

struct decision failure_judge(const struct loss *loss);

#endif
