/* ALL failure policy, and all replies that the relay makes itself (PRODUCT 7): what went wrong at which stage -> the reply, whether a fresh session is
 * tried, whether from another port. Values in, values out: nothing here touches a session. */
#ifndef RELAY_FAILURE_H
#define RELAY_FAILURE_H

#include "smtp/client.h"
#include "upstream/account.h"
#include "wire/reply.h"

/* How a message ended, for log and metrics (PRODUCT 8). */
enum result { RESULT_DELIVERED, RESULT_REFUSED, RESULT_DEFERRED, RESULT_LOST_LINK };
const char *result_name(enum result r); /* "delivered", "refused", "deferred", "lost-link" */

/* Replies of ours. */
enum own {
    OWN_NOT_ALLOWED, /* at connect: these concern no message */
    OWN_TOO_MANY_CLIENTS,
    OWN_TOO_MANY_OF_ONE,
    OWN_TURNED_BACK,
    OWN_CLOSING,
    OWN_RATE, /* at MAIL */
    OWN_NO_ROUTE,
    OWN_NO_ROUTE_YET,
    OWN_BAD_SENDER,
    OWN_SENDER_UTF8,
    OWN_TOO_BIG, /* at MAIL where the upstream's limit is known, else at RCPT */
    OWN_NO_UTF8,
    OWN_BAD_RECIPIENT,
    OWN_RECIPIENT_UTF8,
    OWN_CREDENTIALS, /* no session: the first rows of PRODUCT 7 */
    OWN_AUTH_TEMPORARY,
    OWN_TLS,
    OWN_NO_PORT,
    OWN_BUSY,
    OWN_ACCOUNT_RATE,
    OWN_LOOP,
    OWN_SHUTDOWN,
    OWN_MALFORMED, /* a session lost */
    OWN_LOST_TWICE,
    OWN_NOT_REPLAYABLE,
    OWN_CHANGED, /* accepted before, refused on the session that replaced the lost one */
    OWN_NO_REPLACEMENT,
    OWN_LOST_SENT,
    OWN_OVERRUN, /* in the body */
    OWN_HOPS,
    OWN_COUNT
};

struct own_words { /* what a reply may name; NULL for what it does not */
    const char *host;
    const char *detail; /* the list of ports, or what all sessions do */
};

/* Fills `out` (initialised) with the reply. id: the message's log id, which ends the text in brackets; NULL for the replies at connect. */
void failure_say(struct reply *out, enum own which, const char *id, const struct own_words *words);
enum result failure_result(enum own which);
/* Just the code, the enhanced code and the fixed words, for replies that name nothing. */
int failure_code(enum own which);
const char *failure_enhanced(enum own which);
const char *failure_text(enum own which);

/* Why there is no session -> what to say. */
enum own failure_of_refusal(enum refusal why);
/* The account itself does not work, whatever the message: its fallback may. A refusal of the message never is. */
bool failure_is_worth_another_account(enum own which);
/* An upstream's 530, 534, 535, 538: about our credentials, so it never reaches a client who has none. */
bool failure_is_about_credentials(int code);

/* Where the transaction stood when its session died. */
enum loss_stage {
    STAGE_REST,     /* nothing asked of the upstream is unanswered */
    STAGE_ENVELOPE, /* MAIL or RCPT is unanswered */
    STAGE_GO_AHEAD, /* DATA or the probing BDAT is */
    STAGE_BODY,     /* the body is on its way, its end not *sent* */
    STAGE_SENT,     /* PRODUCT 6 *sent*: the upstream may have the message */
    STAGE_COUNT
};

struct loss {
    enum loss_stage stage;
    enum client_fault fault;
    bool first_use;      /* a pooled session, dead before its first reply */
    unsigned first_uses; /* how often that happened to this transaction before */
    bool replaced;       /* a session of this transaction was replaced already */
    bool replayable;     /* what the client has sent of the body is still here, whole */
    bool promised;       /* the client was told that a recipient is accepted */
    bool awaited;        /* a command of the client, or its body, waits */
};

enum cure {
    CURE_REPLACE,          /* a fresh session, and this was the one time */
    CURE_REPLACE_SILENTLY, /* the same, not counted */
    CURE_LATER,            /* nothing is owed: a fresh session when the client asks for something again */
    CURE_ANSWER,           /* `say` answers what the client waits for */
};

struct decision {
    enum cure cure;
    bool other_port; /* if the session had never completed a transaction */
    enum own say;    /* with CURE_ANSWER */
};

struct decision failure_judge(const struct loss *loss);

#endif
