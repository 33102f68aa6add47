/* A session died under a message: what failure.c decides is done here. Before *sent* it is
 * replaced, once, and the transaction walks its way again from MAIL on. */
#include "relay/relay_private.h"

static enum loss_stage stage_of(const struct transaction *t,
                                const struct smtp_client_failure *failure)
{
    switch (t->back) {
    /* there is no session that could be lost */
    case BACK_NONE:
    case BACK_SETTLED:
    case BACK_ACQUIRING:
    case BACK_READY: return STAGE_REST;
    case BACK_ENVELOPE: return t->unanswered && !failure->unasked ? STAGE_ENVELOPE : STAGE_REST;
    case BACK_GO_AHEAD: return failure->unasked ? STAGE_REST : STAGE_GO_AHEAD;
    case BACK_BODY: return STAGE_BODY;
    case BACK_END: return failure->end_of_data_sent ? STAGE_SENT : STAGE_BODY;
    }
    return STAGE_REST;
}

static bool client_waits(struct transaction *t)
{
    switch (t->front) {
    case FRONT_ENVELOPE: return recipients_waiting(&t->recipients) != NULL;
    case FRONT_DATA:
    case FRONT_BODY:
    case FRONT_END:
    case FRONT_GONE: return true;
    case FRONT_REFUSING: return false;
    }
    return false;
}

static const char *cure_words(const struct decision *d)
{
    switch (d->cure) {
    case CURE_REPLACE: return "the message is replayed on another session";
    case CURE_REPLACE_SILENTLY: return "it had died in the pool, another is taken";
    case CURE_WAIT: return "the upstream has enough of our sessions: the message waits for another";
    case CURE_LATER: return "nothing was under way";
    case CURE_ANSWER: return "the client is told to try again";
    }
    return "";
}

static void log_loss(const struct transaction *t, const struct smtp_client_failure *failure,
                     const struct decision *d)
{
    log_event(t->relay->io->log, d->cure == CURE_ANSWER ? LOG_WARN : LOG_INFO,
              "upstream session lost", log_str("id", t->message.id),
              log_str("upstream", t->upstream->name), log_num("port", t->message.port),
              log_str("why", failure->err.words), log_str("then", cure_words(d)));
    if (d->say == OWN_LOST_SENT && d->cure == CURE_ANSWER)
        log_event(t->relay->io->log, LOG_WARN,
                  "duplicate possible: the upstream may have taken the message, and the client "
                  "will send it again (RFC 1047)",
                  log_str("id", t->message.id), log_str("upstream", t->upstream->name),
                  log_num("port", t->message.port));
}

/* From MAIL on again; what the client has sent of its body is fed anew when the time comes. */
static void walk_again(struct transaction *t, uint16_t avoid)
{
    copy_rewind(&t->body);
    transaction_acquire(t, avoid, true);
    body_hold(t);
}

/* The session is well, and its transaction must begin anew. */
static void start_over(struct transaction *t)
{
    struct smtp_client *c = lease_client(t->lease);
    t->message.rtts += smtp_client_flights(c);
    if (smtp_client_abort(c))
        lease_return(&t->lease, false);
    else
        lease_drop(&t->lease, false, NULL);
    t->back = BACK_NONE;
    walk_again(t, 0);
}

void replay_after_bdat(struct transaction *t)
{
    t->probes++;
    start_over(t);
}

void replay_with_utf8(struct transaction *t)
{
    start_over(t);
}

/* acquire_timeout bounds all waits of one message for this reason together: an upstream may say so
 * on one session after another. */
static bool is_one_too_many(struct transaction *t, const struct reply *reply)
{
    usec now = loop_now(t->relay->io->loop);
    if (!lease_is_one_too_many(t->lease, reply))
        return false;
    if (!t->crowded_since)
        t->crowded_since = now;
    return now < t->crowded_since + t->upstream->acquire_timeout;
}

static bool is_crowded(struct transaction *t, const struct smtp_client_failure *failure)
{
    return failure->stage == SMTP_CLIENT_MAIL && failure->fault == SMTP_CLIENT_FAULT_REPLY &&
           !failure->unasked && !failure->first_use && failure->reply &&
           is_one_too_many(t, failure->reply);
}

bool replay_crowded(struct transaction *t, const struct reply *reply)
{
    struct smtp_client *c = lease_client(t->lease);
    struct smtp_client_failure failure = {.stage = SMTP_CLIENT_MAIL,
                                          .fault = SMTP_CLIENT_FAULT_REPLY,
                                          .reply = reply,
                                          .saw_bytes = true};
    if (!is_one_too_many(t, reply))
        return false;
    err_set(&failure.err, ERR_CLOSED, "%d to MAIL", reply->code);
    log_loss(t, &failure, &(struct decision){.cure = CURE_WAIT});
    t->message.rtts += smtp_client_flights(c);
    lease_drop(&t->lease, false, &failure);
    smtp_client_quit(&c);
    t->back = BACK_NONE;
    t->unanswered = 0;
    walk_again(t, 0);
    return true;
}

void replay_lost(struct transaction *t, const struct smtp_client_failure *failure)
{
    struct loss loss = {
        .stage = stage_of(t, failure),
        .fault = failure->fault,
        .first_use = failure->first_use,
        .first_uses = t->first_uses,
        .replaced = t->replaced,
        .one_too_many = is_crowded(t, failure),
        .replayable = t->body.whole,
        .promised = transaction_promised(t),
        .awaited = client_waits(t),
    };
    struct decision d = failure_judge(&loss);
    uint16_t avoid =
        d.other_port && !lease_completed_any(t->lease) ? lease_port(t->lease)->number : 0;
    t->message.rtts += smtp_client_flights(lease_client(t->lease));
    lease_drop(&t->lease, failure->end_of_data_sent, failure);
    t->back = BACK_NONE;
    t->unanswered = 0;
    log_loss(t, failure, &d);
    t->lost = d.cure != CURE_WAIT;
    switch (d.cure) {
    case CURE_WAIT: walk_again(t, 0); break;
    case CURE_REPLACE:
        t->replaced = true;
        walk_again(t, avoid);
        break;
    case CURE_REPLACE_SILENTLY:
        t->first_uses++;
        walk_again(t, avoid);
        break;
    case CURE_LATER: break;
    case CURE_ANSWER: transaction_settle_own(t, d.say, NULL); break;
    }
}
