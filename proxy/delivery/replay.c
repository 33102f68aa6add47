#include "delivery/replay.h"

#include "base/log.h"
#include "delivery/journal.h"
#include "delivery/outcome.h"
#include "io/loop.h"

static enum loss_stage stage_of(const struct delivery *d, const struct smtp_client_failure *failure)
{
    switch (d->back) {
    /* There is no session that could be lost. */
    case BACK_NONE:
    case BACK_SETTLED:
    case BACK_ACQUIRING:
    case BACK_READY: return STAGE_REST;
    case BACK_ENVELOPE: return d->unanswered && !failure->unasked ? STAGE_ENVELOPE : STAGE_REST;
    case BACK_GO_AHEAD: return failure->unasked ? STAGE_REST : STAGE_GO_AHEAD;
    case BACK_BODY: return STAGE_BODY;
    case BACK_END: return failure->end_of_data_sent ? STAGE_SENT : STAGE_BODY;
    }
    return STAGE_REST;
}

static const char *cure_words(enum cure cure)
{
    switch (cure) {
    case CURE_REPLACE: return "the message is replayed on another session";
    case CURE_REPLACE_SILENTLY: return "it had died in the pool, another is taken";
    case CURE_WITHOUT_JOURNAL: return "the message is replayed without its journal";
    case CURE_WAIT: return "the upstream has enough of our sessions: the message waits for another";
    case CURE_LATER: return "nothing was under way";
    case CURE_ANSWER: return "the client is told to try again";
    }
    return "";
}

static void log_loss(const struct delivery *d, const struct smtp_client_failure *failure,
                     const struct decision *decision)
{
    bool is_kept =
        decision->cure == CURE_ANSWER &&
        (d->message->via_spool || failure_keep(d->keep, decision->say, NULL) != KEEP_NOT);
    log_event(
        d->env->io->log, decision->cure == CURE_ANSWER ? LOG_WARN : LOG_INFO,
        "upstream session lost", log_str("id", d->message->id),
        log_str("upstream", d->upstream->name), log_num("port", d->message->port),
        log_str("why", failure->err.words),
        log_str("then", is_kept ? "the message is kept for later" : cure_words(decision->cure)));
    if (decision->say == OWN_LOST_SENT && decision->cure == CURE_ANSWER)
        log_event(d->env->io->log, LOG_WARN,
                  is_kept ? "duplicate possible: the upstream may have taken the message, and it "
                            "may be sent again (RFC 1047)"
                          : "duplicate possible: the upstream may have taken the message, and the "
                            "client will send it again (RFC 1047)",
                  log_str("id", d->message->id), log_str("upstream", d->upstream->name),
                  log_num("port", d->message->port));
}

/* A body that was pushed is fed again from its copy. A source is read again after the go-ahead. */
static void rewind_body(struct delivery *d)
{
    if (!d->source) {
        copy_rewind(&d->copy);
        return;
    }
    copy_fed(&d->copy, copy_next(&d->copy).len);
    if (d->phase != PHASE_ENVELOPE)
        d->phase = PHASE_DATA;
}

/* Begins again with MAIL. */
static void walk_again(struct delivery *d, uint16_t avoid)
{
    rewind_body(d);
    state_acquire(d, avoid, true);
    state_tell_flow(d);
}

/* The session is sound, but its transaction must begin again. */
static void start_over(struct delivery *d, uint16_t avoid)
{
    struct carrier *c = lease_carrier(d->lease);
    /* Nothing was asked of it yet, so there is nothing to abort. */
    bool untouched = d->back == BACK_READY;
    d->message->rtts += untouched ? 0 : carrier_flights(c);
    if (untouched || carrier_abort(c))
        lease_return(&d->lease, false);
    else
        lease_drop(&d->lease, false, NULL);
    d->back = BACK_NONE;
    d->unanswered = 0;
    walk_again(d, avoid);
}

void replay_after_bdat(struct delivery *d)
{
    d->probes++;
    start_over(d, 0);
}

void replay_with_utf8(struct delivery *d)
{
    start_over(d, 0);
}

void replay_elsewhere(struct delivery *d)
{
    d->declined = true;
    start_over(d, lease_port(d->lease)->number);
}

/* The patience limits all waits of one message for this reason together, because an upstream may
 * say so on one session after another. */
static bool is_one_too_many(struct delivery *d, const struct reply *reply)
{
    usec now = loop_now(d->env->io->loop);
    if (!lease_is_one_too_many(d->lease, reply))
        return false;
    if (!d->crowded_since)
        d->crowded_since = now;
    return now < d->crowded_since + state_patience(d);
}

static bool is_crowded(struct delivery *d, const struct smtp_client_failure *failure)
{
    return failure->stage == SMTP_CLIENT_MAIL && failure->fault == SMTP_CLIENT_FAULT_REPLY &&
           !failure->unasked && !failure->first_use && failure->reply &&
           is_one_too_many(d, failure->reply);
}

bool replay_crowded(struct delivery *d, const struct reply *reply)
{
    struct carrier *c = lease_carrier(d->lease);
    struct smtp_client_failure failure = {.stage = SMTP_CLIENT_MAIL,
                                          .fault = SMTP_CLIENT_FAULT_REPLY,
                                          .reply = reply,
                                          .saw_bytes = true};
    if (!is_one_too_many(d, reply))
        return false;
    err_set(&failure.err, ERR_CLOSED, "%d to MAIL", reply->code);
    log_loss(d, &failure, &(struct decision){.cure = CURE_WAIT});
    d->message->rtts += carrier_flights(c);
    lease_drop(&d->lease, false, &failure);
    carrier_quit(&c);
    d->back = BACK_NONE;
    d->unanswered = 0;
    walk_again(d, 0);
    return true;
}

/* The service's own words, for the case that no other session is to be had; an SMTP session that
 * ends has none to pass on. */
static void note_said(struct delivery *d, const struct smtp_client_failure *failure)
{
    bool by_service = failure->fault == SMTP_CLIENT_FAULT_SERVICE ||
                      failure->fault == SMTP_CLIENT_FAULT_BARRED ||
                      failure->fault == SMTP_CLIENT_FAULT_STRANGE;
    d->said.code = 0;
    if (by_service && failure->reply)
        reply_copy(&d->said, failure->reply);
}

void replay_lost(struct delivery *d, const struct smtp_client_failure *failure)
{
    struct loss loss = {
        .stage = stage_of(d, failure),
        .fault = failure->fault == SMTP_CLIENT_FAULT_REPLY && failure->unasked &&
                         failure->end_of_data_sent
                     ? SMTP_CLIENT_FAULT_LINK
                     : failure->fault,
        .first_use = failure->first_use,
        .first_uses = d->first_uses,
        .replaced = d->replaced,
        .one_too_many = is_crowded(d, failure),
        .at_journal = stage_of(d, failure) == STAGE_ENVELOPE && journal_is_next(d),
        .replayable = state_is_replayable(d),
        .promised = state_has_promised(d),
        .awaited = state_is_awaited(d),
    };
    struct decision decision = failure_judge(&loss);
    uint16_t avoid =
        decision.other_port && !lease_completed_any(d->lease) ? lease_port(d->lease)->number : 0;
    d->message->rtts += carrier_flights(lease_carrier(d->lease));
    note_said(d, failure);
    lease_drop(&d->lease, failure->end_of_data_sent, failure);
    d->back = BACK_NONE;
    d->unanswered = 0;
    log_loss(d, failure, &decision);
    d->lost = decision.cure != CURE_WAIT;
    switch (decision.cure) {
    case CURE_WAIT: walk_again(d, 0); break;
    case CURE_WITHOUT_JOURNAL:
        journal_give_up(d, failure->err.words);
        walk_again(d, 0);
        break;
    case CURE_REPLACE:
        d->replaced = true;
        walk_again(d, avoid);
        break;
    case CURE_REPLACE_SILENTLY:
        d->first_uses++;
        walk_again(d, avoid);
        break;
    case CURE_LATER: break;
    case CURE_ANSWER: outcome_said(d, decision.say, failure->err.words); break;
    }
}
