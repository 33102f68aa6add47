#include "delivery/failure.h"

#include <stdio.h>
#include <string.h>

#include "upstream/finding.h"

/* ------------------------------------------------------------------ replies of ours */

static const struct own_row {
    int code;
    const char *enhanced;
    /* The words, or those before the host's name. */
    const char *before;
    /* The words behind the host's name, or NULL if no host is named. */
    const char *after;
    /* The detail follows at the end. */
    bool detail;
    enum result result;
} own_rows[OWN_COUNT] = {
    [OWN_NOT_ALLOWED] = {554, "5.7.1", "your address may not send mail through this server", NULL,
                         false, RESULT_REFUSED},
    [OWN_TOO_MANY_CLIENTS] = {421, "4.7.0", "too many clients, try again later", NULL, false,
                              RESULT_DEFERRED},
    [OWN_TOO_MANY_OF_ONE] = {421, "4.7.0", "too many clients from your address, try again later",
                             NULL, false, RESULT_DEFERRED},
    [OWN_TURNED_BACK] = {451, "4.3.5",
                         "this connection was meant for this proxy itself or for its upstream: a "
                         "packet filter turned it back",
                         NULL, false, RESULT_DEFERRED},
    [OWN_CLOSING] = {421, "4.3.2", "this server is shutting down, try again later", NULL, false,
                     RESULT_DEFERRED},
    [OWN_RATE] = {450, "4.7.1", "too many messages from your address, try again later", NULL, false,
                  RESULT_DEFERRED},
    [OWN_NO_ROUTE_YET] = {451, "4.4.3",
                          "the names that decide about your destination are not resolved yet", NULL,
                          false, RESULT_DEFERRED},
    [OWN_NO_ROUTE] = {550, "5.7.1", "no account takes mail from this sender", NULL, false,
                      RESULT_REFUSED},
    [OWN_BAD_SENDER] = {501, "5.1.7",
                        "the sender address has no domain, and no qualify is set to complete it",
                        NULL, false, RESULT_REFUSED},
    [OWN_SENDER_UTF8] = {553, "5.6.7", "the sender address is not ASCII, and ",
                         " does not offer SMTPUTF8", false, RESULT_REFUSED},
    [OWN_TOO_BIG] = {552, "5.3.4", "the message is larger than ", " takes", false, RESULT_REFUSED},
    [OWN_NO_UTF8] = {550, "5.6.7", "", " does not offer SMTPUTF8", false, RESULT_REFUSED},
    [OWN_BAD_RECIPIENT] =
        {501, "5.1.3",
         "the recipient address has no domain, and neither qualify nor aliases completes it", NULL,
         false, RESULT_REFUSED},
    [OWN_RECIPIENT_UTF8] = {553, "5.6.7", "the recipient address is not ASCII, and ",
                            " does not offer SMTPUTF8", false, RESULT_REFUSED},
    [OWN_CREDENTIALS] = {451, "4.3.5", "", " refuses the configured credentials", false,
                         RESULT_DEFERRED},
    [OWN_AUTH_TEMPORARY] = {451, "4.7.0", "authentication with ", " is not possible now", false,
                            RESULT_DEFERRED},
    [OWN_TOKEN] = {451, "4.7.0", "no access token for ", ": ", true, RESULT_DEFERRED},
    [OWN_TLS] = {451, "4.7.5", "no port of ", " works: ", true, RESULT_DEFERRED},
    [OWN_NO_PORT] = {451, "4.4.1", "no port of ", " works: ", true, RESULT_DEFERRED},
    [OWN_BUSY] = {451, "4.4.5", "no session with ", " was free in time: ", true, RESULT_DEFERRED},
    [OWN_ACCOUNT_RATE] = {451, "4.4.5", "too many messages for ", ", try again later", false,
                          RESULT_DEFERRED},
    [OWN_LOOP] = {451, "4.3.5", "the upstream ", " is this proxy itself", false, RESULT_DEFERRED},
    [OWN_SHUTDOWN] = {451, "4.3.2", "this server is shutting down, try again later", NULL, false,
                      RESULT_DEFERRED},
    [OWN_MALFORMED] = {451, "4.4.2", "", " sent a malformed reply", false, RESULT_LOST_LINK},
    [OWN_LOST_TWICE] = {451, "4.4.2", "the link to ", " was lost twice", false, RESULT_LOST_LINK},
    [OWN_NOT_REPLAYABLE] = {451, "4.4.2", "the link to ",
                            " was lost, and the message is too large to be kept for another try",
                            false, RESULT_LOST_LINK},
    [OWN_CHANGED] = {451, "4.4.2", "on another session ", " takes less than it took before", false,
                     RESULT_LOST_LINK},
    [OWN_NO_REPLACEMENT] = {451, "4.4.2", "the link to ", " was lost, and there is no other", false,
                            RESULT_LOST_LINK},
    [OWN_LOST_SENT] = {451, "4.4.2", "the link to ",
                       " was lost after the message was sent, and it may have been taken", false,
                       RESULT_LOST_LINK},
    [OWN_NOT_TAKEN] = {451, "4.4.2", "", " closed the session instead of taking the message", false,
                       RESULT_DEFERRED},
    [OWN_SERVICE] = {451, "4.4.1", "the API of ", " does not work just now", false,
                     RESULT_DEFERRED},
    [OWN_BARRED] = {451, "4.3.5", "the API of ", " refuses to send for this account", false,
                    RESULT_DEFERRED},
    [OWN_THROTTLED] = {451, "4.3.2", "the API of ", " takes no more messages for now", false,
                       RESULT_DEFERRED},
    [OWN_NULL_SENDER] = {550, "5.7.1", "the API of ", " takes no null sender", false,
                         RESULT_REFUSED},
    [OWN_OTHERS] = {554, "5.6.0", "the API of ",
                    " sends to all whom the header names, and these are not in the envelope: ",
                    true, RESULT_REFUSED},
    [OWN_HEADER] = {554, "5.6.0", "the API of ",
                    " sends to whom the header names, and that can not be read with certainty: ",
                    true, RESULT_REFUSED},
    [OWN_NO_ROOM] = {452, "4.3.1", "there is no room to gather the message before it is sent: ",
                     NULL, true, RESULT_DEFERRED},
    [OWN_OTHER_PORT] = {451, "4.4.1", "no SMTP port of ",
                        " works, and its API does not take this message: ", true, RESULT_DEFERRED},
    [OWN_OVERRUN] = {552, "5.3.4", "the message is larger than this server takes", NULL, false,
                     RESULT_REFUSED},
    [OWN_LONG_FROM] = {554, "5.6.0",
                       "a From or Sender line of this message is too long to be rewritten", NULL,
                       false, RESULT_REFUSED},
    [OWN_TORN] = {451, "4.3.0", "the stored message can not be read as it was written", NULL, false,
                  RESULT_DEFERRED},
    [OWN_HOPS] = {554, "5.4.6", "more than 50 Received: lines, this message goes round in circles",
                  NULL, false, RESULT_REFUSED},
    [OWN_WILL_BE_KEPT] = {250, "2.1.5", "will be kept and sent later: ", NULL, true,
                          RESULT_SPOOLED},
    [OWN_KEPT] = {250, "2.0.0", "queued: ", NULL, true, RESULT_SPOOLED},
    [OWN_NOT_KEPT] = {452, "4.3.1", "the message can't be kept for later: ", NULL, true,
                      RESULT_DEFERRED},
};

int failure_code(enum own which)
{
    return own_rows[which].code;
}

const char *failure_enhanced(enum own which)
{
    return own_rows[which].enhanced;
}

const char *failure_text(enum own which)
{
    return own_rows[which].before;
}

enum result failure_result(enum own which)
{
    return own_rows[which].result;
}

/* A line of a reply is cut at 500 octets (wire/reply.h). The words end before that, so that the id
 * always fits behind them. */
enum { WORDS_MAX = 460 };

static bool append(struct buf *out, const char *text)
{
    size_t there = buf_view(out).len;
    return buf_append_slice(out,
                            slice_head(slice_of(text), there < WORDS_MAX ? WORDS_MAX - there : 0));
}

void failure_say(struct reply *out, enum own which, const char *id, const struct own_words *words)
{
    const struct own_row *row = &own_rows[which];
    out->code = row->code;
    snprintf(out->enhanced, sizeof out->enhanced, "%s", row->enhanced);
    buf_clear(&out->text);
    bool fits = append(&out->text, row->before);
    if (row->after)
        fits = fits && append(&out->text, words->host) && append(&out->text, row->after);
    if (row->detail)
        fits = fits && append(&out->text, words->detail);
    if (id && id[0])
        fits = fits && buf_printf(&out->text, " [%s]", id);
    /* CAP_REPLY_TEXT has room for any of them. */
    (void)fits;
    out->lines = 1;
}

void failure_pass_on(struct reply *out, const struct reply *said, const char *id)
{
    out->code = said->code;
    snprintf(out->enhanced, sizeof out->enhanced, "%s", said->enhanced);
    buf_clear(&out->text);
    bool fits = buf_append_slice(&out->text, slice_head(buf_view(&said->text), WORDS_MAX)) &&
                buf_printf(&out->text, " [%s]", id);
    (void)fits;
    out->lines = 1;
}

/* ------------------------------------------------------------------ no session */

enum own failure_of_refusal(enum refusal why)
{
    switch (why) {
    case REFUSAL_CREDENTIALS: return OWN_CREDENTIALS;
    case REFUSAL_AUTH_TEMPORARY: return OWN_AUTH_TEMPORARY;
    case REFUSAL_TOKEN: return OWN_TOKEN;
    case REFUSAL_TLS: return OWN_TLS;
    case REFUSAL_NO_PORT: return OWN_NO_PORT;
    case REFUSAL_BUSY: return OWN_BUSY;
    case REFUSAL_RATE: return OWN_ACCOUNT_RATE;
    case REFUSAL_LOOP: return OWN_LOOP;
    case REFUSAL_GONE: return OWN_SHUTDOWN;
    }
    return OWN_NO_PORT;
}

bool failure_is_worth_another_account(enum own which)
{
    return which == OWN_NO_PORT || which == OWN_TLS || which == OWN_AUTH_TEMPORARY ||
           which == OWN_TOKEN || which == OWN_CREDENTIALS || which == OWN_LOOP;
}

/* ------------------------------------------------------------------ what is kept */

const char *failure_keep_name(enum keep keep)
{
    static const char *const names[KEEP_COUNT] = {
        [KEEP_NO_PORT] = "no-port",     [KEEP_CREDENTIALS] = "credentials",
        [KEEP_TOKEN] = "token",         [KEEP_BUSY] = "busy",
        [KEEP_RATE] = "rate",           [KEEP_LOST_LINK] = "lost-link",
        [KEEP_TEMPORARY] = "temporary", [KEEP_ALWAYS] = "always"};
    return names[keep];
}

/* A reply about the account is no verdict on the message, whatever its code is. Any other 4xx of
 * the upstream's is a verdict, and such a message is kept if the configuration says so. */
static enum keep keep_of_reply(enum keep_when when, const struct reply *reply)
{
    if (reply_revokes_login(reply))
        return KEEP_CREDENTIALS;
    if (reply_is(reply, 5))
        return strcmp(reply->enhanced, "5.4.5") == 0 ? KEEP_RATE : KEEP_NOT;
    return reply_is(reply, 4) && when != KEEP_WHEN_OUTAGE ? KEEP_TEMPORARY : KEEP_NOT;
}

enum keep failure_keep(enum keep_when when, enum own own, const struct reply *reply)
{
    if (when == KEEP_WHEN_NEVER)
        return KEEP_NOT;
    switch (own) {
    case OWN_NOTHING: return keep_of_reply(when, reply);
    case OWN_CREDENTIALS:
    case OWN_BARRED:
    case OWN_AUTH_TEMPORARY: return KEEP_CREDENTIALS;
    case OWN_TLS:
    case OWN_NO_PORT:
    case OWN_SERVICE:
    case OWN_OTHER_PORT:
    case OWN_LOOP: return KEEP_NO_PORT;
    case OWN_TOKEN: return KEEP_TOKEN;
    case OWN_BUSY: return KEEP_BUSY;
    case OWN_THROTTLED:
    case OWN_ACCOUNT_RATE: return KEEP_RATE;
    case OWN_MALFORMED:
    case OWN_LOST_TWICE:
    case OWN_NOT_REPLAYABLE:
    case OWN_NO_REPLACEMENT:
    case OWN_LOST_SENT:
    case OWN_NOT_TAKEN: return KEEP_LOST_LINK;
    /* The upstream refused on one session what it took on another. This is its verdict on the
     * message. */
    case OWN_CHANGED: return when == KEEP_WHEN_OUTAGE ? KEEP_NOT : KEEP_TEMPORARY;
    case OWN_NOT_ALLOWED:
    case OWN_TOO_MANY_CLIENTS:
    case OWN_TOO_MANY_OF_ONE:
    case OWN_TURNED_BACK:
    case OWN_CLOSING:
    case OWN_RATE:
    case OWN_NO_ROUTE:
    case OWN_NO_ROUTE_YET:
    case OWN_BAD_SENDER:
    case OWN_SENDER_UTF8:
    case OWN_TOO_BIG:
    case OWN_NO_UTF8:
    case OWN_BAD_RECIPIENT:
    case OWN_RECIPIENT_UTF8:
    case OWN_SHUTDOWN:
    case OWN_NULL_SENDER:
    case OWN_OTHERS:
    case OWN_HEADER:
    case OWN_NO_ROOM:
    case OWN_OVERRUN:
    case OWN_HOPS:
    case OWN_LONG_FROM:
    case OWN_TORN:
    case OWN_WILL_BE_KEPT:
    case OWN_KEPT:
    case OWN_NOT_KEPT:
    case OWN_COUNT: break;
    }
    return KEEP_NOT;
}

/* ------------------------------------------------------------------ a session lost */

enum kind {
    KIND_LINK,
    KIND_TIMEOUT,
    KIND_CLOSING /* 421 */,
    KIND_PROTOCOL,
    KIND_SERVICE,
    KIND_BARRED,
    KIND_COUNT
};

static enum kind kind_of(enum smtp_client_fault fault)
{
    switch (fault) {
    case SMTP_CLIENT_FAULT_LINK: return KIND_LINK;
    case SMTP_CLIENT_FAULT_TIMEOUT: return KIND_TIMEOUT;
    case SMTP_CLIENT_FAULT_REPLY: return KIND_CLOSING;
    case SMTP_CLIENT_FAULT_PROTOCOL: return KIND_PROTOCOL;
    /* These happen before a session is ready, when it belongs to the account. On a leased session
     * they can only mean that the link broke. */
    case SMTP_CLIENT_FAULT_NO_STARTTLS:
    case SMTP_CLIENT_FAULT_TLS:
    case SMTP_CLIENT_FAULT_CERTIFICATE:
    case SMTP_CLIENT_FAULT_NO_MECHANISM: return KIND_LINK;
    /* What a service says that its API does not have is no word on the message. */
    case SMTP_CLIENT_FAULT_SERVICE:
    case SMTP_CLIENT_FAULT_STRANGE: return KIND_SERVICE;
    case SMTP_CLIENT_FAULT_BARRED: return KIND_BARRED;
    }
    return KIND_LINK;
}

enum { NEVER = 0, ONCE = 1 };

/* How often a session that was lost like this is replaced, and the reply when it is not. After a
 * malformed reply another session would get the same reply. Stray bytes at rest (STAGE_REST)
 * concern the session alone. After *sent* nothing is sent again blindly (RFC 1047). A 421 at that
 * time is an answer. */
static const struct loss_row {
    int replaced;
    enum own say;
} loss_rows[STAGE_COUNT][KIND_COUNT] = {
    [STAGE_REST] = {[KIND_LINK] = {ONCE, OWN_LOST_TWICE},
                    [KIND_TIMEOUT] = {ONCE, OWN_LOST_TWICE},
                    [KIND_CLOSING] = {ONCE, OWN_LOST_TWICE},
                    [KIND_PROTOCOL] = {ONCE, OWN_LOST_TWICE},
                    [KIND_SERVICE] = {ONCE, OWN_SERVICE},
                    [KIND_BARRED] = {NEVER, OWN_BARRED}},
    [STAGE_ENVELOPE] = {[KIND_LINK] = {ONCE, OWN_LOST_TWICE},
                        [KIND_TIMEOUT] = {ONCE, OWN_LOST_TWICE},
                        [KIND_CLOSING] = {ONCE, OWN_LOST_TWICE},
                        [KIND_PROTOCOL] = {NEVER, OWN_MALFORMED},
                        [KIND_SERVICE] = {ONCE, OWN_SERVICE},
                        [KIND_BARRED] = {NEVER, OWN_BARRED}},
    [STAGE_GO_AHEAD] = {[KIND_LINK] = {ONCE, OWN_LOST_TWICE},
                        [KIND_TIMEOUT] = {ONCE, OWN_LOST_TWICE},
                        [KIND_CLOSING] = {ONCE, OWN_LOST_TWICE},
                        [KIND_PROTOCOL] = {NEVER, OWN_MALFORMED},
                        [KIND_SERVICE] = {ONCE, OWN_SERVICE},
                        [KIND_BARRED] = {NEVER, OWN_BARRED}},
    [STAGE_BODY] = {[KIND_LINK] = {ONCE, OWN_LOST_TWICE},
                    [KIND_TIMEOUT] = {ONCE, OWN_LOST_TWICE},
                    [KIND_CLOSING] = {ONCE, OWN_LOST_TWICE},
                    [KIND_PROTOCOL] = {NEVER, OWN_MALFORMED},
                    [KIND_SERVICE] = {ONCE, OWN_SERVICE},
                    [KIND_BARRED] = {NEVER, OWN_BARRED}},
    [STAGE_SENT] = {[KIND_LINK] = {NEVER, OWN_LOST_SENT},
                    [KIND_TIMEOUT] = {NEVER, OWN_LOST_SENT},
                    [KIND_CLOSING] = {NEVER, OWN_NOT_TAKEN},
                    [KIND_PROTOCOL] = {NEVER, OWN_LOST_SENT},
                    [KIND_SERVICE] = {NEVER, OWN_LOST_SENT},
                    [KIND_BARRED] = {NEVER, OWN_LOST_SENT}},
};

/* Sessions that were dead when they came from the pool do not count as replaced. A message meets
 * only a limited number of them. */
enum { FIRST_USES_MAX = 20 };

struct decision failure_judge(const struct loss *loss)
{
    const struct loss_row *row = &loss_rows[loss->stage][kind_of(loss->fault)];
    struct decision answer = {.cure = CURE_ANSWER, .say = row->say};
    if (loss->stage == STAGE_SENT)
        return answer;
    if (!loss->promised && !loss->awaited)
        return (struct decision){.cure = CURE_LATER};
    if (loss->at_journal && loss->replayable)
        return (struct decision){.cure = CURE_WITHOUT_JOURNAL};
    if (loss->one_too_many && loss->replayable)
        return (struct decision){.cure = CURE_WAIT};
    if (!loss->replayable) {
        /* A service says more than that. */
        if (row->replaced != NEVER && row->say != OWN_SERVICE)
            answer.say = OWN_NOT_REPLAYABLE;
        return answer;
    }
    if (loss->first_use && loss->first_uses < FIRST_USES_MAX)
        return (struct decision){.cure = CURE_REPLACE_SILENTLY};
    if (row->replaced == NEVER)
        return answer;
    if (loss->replaced)
        return answer;
    return (struct decision){.cure = CURE_REPLACE, .other_port = true};
}
