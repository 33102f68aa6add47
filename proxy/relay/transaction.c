/* One message, from MAIL to its verdict. Where it stands are two phases, the client's (front) and
 * the upstream's (back); every function here is a switch over one of them without a default, so
 * that a fault that nobody thought of does not compile. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/explain.h"
#include "mail/rewrite_envelope.h"
#include "relay/relay_private.h"
#include "upstream/finding.h"

const char *transaction_identity(const struct upstream_config *u, const char *sender)
{
    if (u->identity == IDENTITY_SENDER && u->username && (!sender || sender[0]))
        return sender;
    return u->username ? u->username : "";
}

/* ------------------------------------------------------------------ begin and end */

struct transaction *transaction_begin(struct session *s, size_t upstream, struct message *message,
                                      char *sender, const struct mail_params *params,
                                      bool wants_utf8)
{
    struct transaction *t = NEW(struct transaction);
    t->relay = s->relay;
    t->generation = generation_ref(s->generation);
    t->session = s;
    t->client = smtp_server_client(s->server)->peer;
    t->progressed = loop_now(t->relay->io->loop);
    t->account = account_ref(s->generation->accounts[upstream]);
    t->upstream = &t->generation->config->upstreams[upstream];
    t->message = *message;
    *message = (struct message){0};
    t->sender = sender;
    if (strcmp(sender, t->message.from) != 0)
        t->message.sent_as = mem_string(sender);
    reply_init(&t->answer);
    reply_init(&t->refusal);
    reply_init(&t->told);
    reply_init(&t->unfit);
    t->eightbit = params->body == BODY_8BITMIME;
    t->has_size = params->has_size;
    t->size = params->size;
    t->wants_utf8 = wants_utf8;
    t->ret = slice_string(params->ret);
    t->envid = slice_string(params->envid);
    copy_init(&t->body, &t->relay->budget);
    list_push_back(&t->relay->transactions, &t->link);
    transaction_acquire(t, 0, false);
    return t;
}

static void let_go(struct transaction *t)
{
    if (t->account)
        account_unref(&t->account);
    generation_unref(&t->generation);
}

static void destroy(void *arg)
{
    struct transaction *t = arg;
    let_go(t);
    message_free(&t->message);
    reply_free(&t->answer);
    reply_free(&t->refusal);
    reply_free(&t->told);
    reply_free(&t->unfit);
    recipients_free(&t->recipients);
    rewrite_free(&t->rewrite);
    free(t->sender);
    free(t->ret);
    free(t->envid);
    free(t);
}

static bool logs_in(const struct transaction *t)
{
    return t->upstream->username && t->upstream->auth != AUTH_NONE;
}

/* The upstream spoke of our login, which the account must know, unless the same login has
 * delivered this very message. An account without a login has none to lose: only MAIL, which
 * every message needs, says that nothing goes without one. */
static void drop_unfit(struct transaction *t, struct smtp_client *c, bool judged)
{
    bool revoked = t->unfit_at_mail || (logs_in(t) && !(judged && t->result == RESULT_DELIVERED));
    smtp_client_quit(&c);
    if (revoked)
        lease_revoked(&t->lease, judged, &t->unfit);
    else
        lease_drop(&t->lease, judged, NULL);
}

/* The session is given up or given back: RSET where that is clean, never a dot, never LAST. judged:
 * the upstream has answered for the message. */
static void leave_upstream(struct transaction *t, bool judged)
{
    struct smtp_client *c;
    switch (t->back) {
    case BACK_NONE:
    case BACK_SETTLED: return;
    case BACK_ACQUIRING: lease_cancel(&t->lease); return;
    case BACK_READY: lease_return(&t->lease, false); return;
    case BACK_ENVELOPE:
    case BACK_GO_AHEAD:
    case BACK_BODY:
    case BACK_END: break;
    }
    c = lease_client(t->lease);
    t->message.rtts += smtp_client_flights(c);
    if (t->unfit.code) {
        drop_unfit(t, c, judged);
    } else if ((judged && t->result == RESULT_DELIVERED) || smtp_client_abort(c)) {
        lease_return(&t->lease, judged);
    } else {
        lease_drop(&t->lease, judged, NULL);
    }
}

static void detach_session(struct transaction *t)
{
    if (t->session)
        t->session->transaction = NULL;
    t->session = NULL;
    t->cmd = NULL;
}

static void end(struct transaction *t)
{
    leave_upstream(t, false);
    t->back = BACK_SETTLED;
    detach_session(t);
    copy_free(&t->body);
    t->over = true;
    link_remove(&t->link);
    relay_ended(t->relay);
    loop_free_later(t->relay->io->loop, t, destroy);
}

static void report(struct transaction *t, enum result result, const struct reply *reply)
{
    t->message.nrcpt = t->recipients.accepted;
    message_report(&t->message, t->relay->io, &t->relay->watch, result, reply);
}

static void report_refusal(struct transaction *t, const struct reply *reply)
{
    report(t, reply->code >= 500 ? RESULT_REFUSED : RESULT_DEFERRED, reply);
}

/* A message that ends without a verdict does not end without its line where every recipient was
 * refused, or where its client was told the id. */
static void report_unfinished(struct transaction *t)
{
    if (!t->recipients.accepted && t->recipients.refused)
        report_refusal(t, &t->refusal);
    else if (t->told.code)
        report_refusal(t, &t->told);
}

/* ------------------------------------------------------------------ what the upstream is asked */

bool transaction_promised(const struct transaction *t)
{
    return t->recipients.accepted > 0;
}

/* The session, or the place in the queue for one, serves nobody while the client thinks. */
static void note_pause(struct transaction *t)
{
    bool pauses = t->front == FRONT_ENVELOPE && !t->unanswered && !t->recipients.waiting;
    if (t->lease)
        lease_rest(t->lease, pauses, t->progressed);
}

void transaction_acquire(struct transaction *t, uint16_t avoid, bool had_turn)
{
    struct lease_wish wish = {.identity = transaction_identity(t->upstream, t->sender),
                              .avoid = avoid,
                              .had_turn = had_turn,
                              .client = t->client};
    usec waited = t->crowded_since ? loop_now(t->relay->io->loop) - t->crowded_since : 0;
    if (waited < t->upstream->acquire_timeout)
        wish.patience = t->upstream->acquire_timeout - waited;
    t->back = BACK_ACQUIRING;
    t->lease = account_acquire(t->account, &wish, &transaction_lease_events, t);
    note_pause(t);
}

void transaction_give_back(struct transaction *t)
{
    log_event(t->relay->io->log, LOG_DEBUG, "the client pauses: its session goes to one who waits",
              log_str("id", t->message.id), log_str("upstream", t->upstream->name));
    leave_upstream(t, false);
    t->back = BACK_NONE;
    t->unanswered = 0;
}

static void ask_envelope(struct transaction *t)
{
    envelope_send(t);
    if (t->back == BACK_ACQUIRING || t->unanswered || t->front == FRONT_ENVELOPE)
        return;
    t->back = BACK_GO_AHEAD;
    smtp_client_begin_body(lease_client(t->lease));
}

void transaction_advance(struct transaction *t)
{
    switch (t->back) {
    case BACK_NONE:
        if (t->front != FRONT_ENVELOPE || recipients_waiting(&t->recipients))
            transaction_acquire(t, 0, false);
        break;
    case BACK_READY:
    case BACK_ENVELOPE: ask_envelope(t); break;
    case BACK_BODY: body_pump(t); break;
    /* an event of the upstream's comes next */
    case BACK_SETTLED:
    case BACK_ACQUIRING:
    case BACK_GO_AHEAD:
    case BACK_END: break;
    }
    note_pause(t);
}

/* ------------------------------------------------------------------ what is settled */

/* t->answer is what there is to say: to what the client waits for, or to what it asks next. */
static void settle(struct transaction *t, bool judged)
{
    struct smtp_server_command *cmd = t->cmd;
    leave_upstream(t, judged);
    t->back = BACK_SETTLED;
    switch (t->front) {
    case FRONT_ENVELOPE:
        if (recipients_waiting(&t->recipients))
            report(t, t->result, &t->answer);
        envelope_answer_waiting(t);
        break;
    case FRONT_DATA:
        /* after a refused DATA the server half keeps the transaction open */
        t->front = FRONT_ENVELOPE;
        t->cmd = NULL;
        report(t, t->result, &t->answer);
        answer_with(cmd, &t->answer, t->answer_is_upstreams);
        break;
    case FRONT_BODY:
        t->front = FRONT_REFUSING;
        report(t, t->result, &t->answer);
        copy_free(&t->body);
        body_hold(t);
        answer_body_with(t->session->server, &t->answer, t->answer_is_upstreams);
        break;
    case FRONT_END:
        report(t, t->result, &t->answer);
        end(t);
        answer_with(cmd, &t->answer, t->answer_is_upstreams);
        break;
    case FRONT_GONE:
        report(t, t->result, &t->answer);
        end(t);
        break;
    /* it was settled before */
    case FRONT_REFUSING: break;
    }
}

void transaction_explain(struct transaction *t, const struct reply *reply)
{
    const char *help = reply_is(reply, 2) ? NULL : explain_refusal(reply, t->upstream);
    if (!help || t->explained)
        return;
    t->explained = true;
    log_event(t->relay->io->log, LOG_WARN, "the upstream's refusal has a cure in the configuration",
              log_str("id", t->message.id), log_str("upstream", t->upstream->name),
              log_num("status", reply->code), log_str("help", help));
}

void transaction_note_unfit(struct transaction *t, const struct reply *reply)
{
    char words[256];
    if (!t->unfit.code)
        log_event(t->relay->io->log, LOG_WARN,
                  logs_in(t) ? "the upstream let us log in, and yet answers as if we had not"
                             : "the upstream wants a login, and this account has none: set "
                               "username and password_file",
                  log_str("id", t->message.id), log_str("upstream", t->upstream->name),
                  log_num("status", reply->code),
                  log_str("reply", reply_words(reply, words, sizeof words)));
    reply_copy(&t->unfit, reply);
}

void transaction_settle_own(struct transaction *t, enum own own, const char *detail)
{
    failure_say(&t->answer, own, t->message.id,
                &(struct own_words){.host = t->upstream->host, .detail = detail ? detail : ""});
    t->answer_is_upstreams = false;
    t->result = failure_result(own);
    settle(t, false);
}

void transaction_settle_reply(struct transaction *t, const struct reply *reply)
{
    bool judged = t->back == BACK_GO_AHEAD || t->back == BACK_BODY || t->back == BACK_END;
    if (reply_revokes_login(reply)) {
        transaction_note_unfit(t, reply);
        /* a refused RCPT does not come here */
        t->unfit_at_mail = t->back == BACK_ENVELOPE;
        if (t->unfit_at_mail && !transaction_promised(t)) {
            leave_upstream(t, false);
            t->back = BACK_NONE;
            if (transaction_fall_back(t, OWN_CREDENTIALS, NULL))
                return;
        }
        transaction_settle_own(t, OWN_CREDENTIALS, NULL);
        return;
    }
    transaction_explain(t, reply);
    reply_copy(&t->answer, reply);
    t->answer_is_upstreams = true;
    t->result = reply_is(reply, 2)   ? RESULT_DELIVERED
                : reply_is(reply, 5) ? RESULT_REFUSED
                                     : RESULT_DEFERRED;
    settle(t, judged);
}

/* ------------------------------------------------------------------ what the client says */

void transaction_rcpt(struct transaction *t, struct smtp_server_command *cmd,
                      const struct address *to, const struct rcpt_params *params)
{
    if (!t->message.to)
        message_set_to(&t->message, to->text);
    struct address heard = *to;
    char *rewritten = rewrite_recipient(&t->generation->config->server.aliases, t->upstream, to);
    bool whole = rewritten && address_parse(slice_of(rewritten), &heard);
    recipients_add(&t->recipients, &heard, params, cmd);
    free(rewritten);
    if (!whole) {
        envelope_refuse(t, &t->recipients.items[t->recipients.n - 1], OWN_BAD_RECIPIENT);
    } else if (t->back == BACK_SETTLED) {
        report(t, t->result, &t->answer);
        envelope_answer_waiting(t);
    } else {
        transaction_advance(t);
    }
}

void transaction_data(struct transaction *t, struct smtp_server_command *cmd)
{
    t->front = FRONT_DATA;
    t->cmd = cmd;
    if (t->back == BACK_SETTLED)
        settle(t, false);
    else
        transaction_advance(t);
}

void transaction_reset(struct transaction *t, enum smtp_server_end why)
{
    switch (why) {
    case SMTP_SERVER_RSET: report_unfinished(t); break;
    case SMTP_SERVER_OVERRUN:
        failure_say(&t->answer, OWN_OVERRUN, t->message.id, NULL);
        report(t, RESULT_REFUSED, &t->answer);
        break;
    /* reported when it was */
    case SMTP_SERVER_REFUSED: break;
    }
    end(t);
}

void transaction_told(struct transaction *t, const struct answer *answer, bool goodbye)
{
    /* the first says more: what follows is often its consequence */
    if (t->told.code && !goodbye)
        return;
    answer_keep(&t->told, answer, t->message.id);
    t->said_goodbye = goodbye;
}

void transaction_client_gone(struct transaction *t, const char *why)
{
    switch (t->front) {
    case FRONT_ENVELOPE:
    case FRONT_REFUSING: report_unfinished(t); break;
    case FRONT_DATA:
    case FRONT_BODY:
        if (t->said_goodbye) {
            report_refusal(t, &t->told);
            break;
        }
        log_event(t->relay->io->log, LOG_INFO,
                  "the client left before the end of its message, nothing was sent",
                  log_str("id", t->message.id), log_str("client", t->message.client),
                  log_str("why", why));
        break;
    case FRONT_END:
        /* PROMISES 6: the upstream's answer is awaited and logged */
        t->front = FRONT_GONE;
        detach_session(t);
        return;
    case FRONT_GONE: return;
    }
    end(t);
}

void transaction_abandon(struct transaction *t)
{
    if (t->front == FRONT_END || t->front == FRONT_GONE) {
        failure_say(&t->answer, t->back == BACK_END ? OWN_LOST_SENT : OWN_SHUTDOWN, t->message.id,
                    &(struct own_words){.host = t->upstream->host});
        report(t, t->back == BACK_END ? RESULT_LOST_LINK : RESULT_DEFERRED, &t->answer);
    } else {
        /* its client is told so at once */
        failure_say(&t->answer, OWN_CLOSING, t->message.id, NULL);
        report(t, RESULT_DEFERRED, &t->answer);
    }
    end(t);
    /* not at the end of the turn: the accounts may be freed before */
    let_go(t);
}
