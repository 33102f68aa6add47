/* A delivery's hold on its account: how a session is asked for, rests and is left. */
#include "delivery/state.h"

#include "base/log.h"
#include "delivery/identity.h"
#include "io/loop.h"

bool state_has_promised(const struct delivery *d)
{
    return d->recipients.accepted > 0;
}

bool state_is_replayable(const struct delivery *d)
{
    return d->source || d->copy.whole;
}

bool state_is_awaited(const struct delivery *d)
{
    return d->phase != PHASE_ENVELOPE || d->recipients.waiting > 0;
}

bool state_logs_in(const struct delivery *d)
{
    return d->upstream->username && d->upstream->auth != AUTH_NONE;
}

void state_note_pause(struct delivery *d)
{
    bool pauses = d->phase == PHASE_ENVELOPE && !d->unanswered && !d->recipients.waiting;
    if (d->lease)
        lease_rest(d->lease, pauses, d->progressed);
}

usec state_patience(const struct delivery *d)
{
    usec longest = d->upstream->acquire_timeout;
    return d->wait && d->wait < longest ? d->wait : longest;
}

/* Returns 0 if no time is left. */
static usec left_of(const struct delivery *d, usec since)
{
    usec left = since + state_patience(d) - loop_now(d->env->io->loop);
    return left > 0 ? left : 0;
}

void state_note_wait(struct delivery *d)
{
    if (!d->wait || d->waits_since || d->back != BACK_ACQUIRING || !state_is_awaited(d))
        return;
    d->waits_since = loop_now(d->env->io->loop);
    lease_hurry(d->lease, state_patience(d));
}

void state_acquire(struct delivery *d, uint16_t avoid, bool had_turn)
{
    struct lease_wish wish = {.identity = delivery_identity(d->upstream, d->sender),
                              .avoid = avoid,
                              .had_turn = had_turn,
                              .yields = d->yields,
                              .client = d->client};
    if (d->wait && !d->waits_since && state_is_awaited(d))
        d->waits_since = loop_now(d->env->io->loop);
    if (d->crowded_since)
        wish.patience = left_of(d, d->crowded_since);
    if (d->waits_since) {
        usec left = left_of(d, d->waits_since);
        /* 0 would mean acquire_timeout. */
        if (!wish.patience || left < wish.patience)
            wish.patience = left > 0 ? left : 1;
    }
    d->back = BACK_ACQUIRING;
    d->lease = account_acquire(d->account, &wish, d->lease_events, d);
    state_note_pause(d);
}

/* The reply was about our login, so the account must know it, unless the same login has delivered
 * this very message. An account without a login has none that could be revoked. There only a
 * refused MAIL, which every message needs, says that nothing can be sent without one. */
static void drop_unfit(struct delivery *d, struct carrier *c, bool judged)
{
    bool delivered = judged && d->outcome.result == RESULT_DELIVERED;
    bool revoked = d->unfit_at_mail || (state_logs_in(d) && !delivered);
    carrier_quit(&c);
    if (revoked)
        lease_revoked(&d->lease, judged, &d->unfit);
    else
        lease_drop(&d->lease, judged, NULL);
}

void state_leave_upstream(struct delivery *d, bool judged)
{
    struct carrier *c;
    switch (d->back) {
    case BACK_NONE:
    case BACK_SETTLED: return;
    case BACK_ACQUIRING: lease_cancel(&d->lease); return;
    case BACK_READY: lease_return(&d->lease, false); return;
    case BACK_ENVELOPE:
    case BACK_GO_AHEAD:
    case BACK_BODY:
    case BACK_END: break;
    }
    c = lease_carrier(d->lease);
    d->message->rtts += carrier_flights(c);
    if (d->unfit.code) {
        drop_unfit(d, c, judged);
    } else if ((judged && d->outcome.result == RESULT_DELIVERED) || carrier_abort(c)) {
        lease_return(&d->lease, judged);
    } else {
        /* Its end was said: it may have been taken, so it keeps its place in the rate. */
        lease_drop(&d->lease, judged || d->back == BACK_END, NULL);
    }
}

void state_give_back(struct delivery *d)
{
    log_event(d->env->io->log, LOG_DEBUG,
              "the client pauses: its session goes to a message that waits",
              log_str("id", d->message->id), log_str("upstream", d->upstream->name));
    state_leave_upstream(d, false);
    d->back = BACK_NONE;
    d->unanswered = 0;
}

void state_tell_flow(const struct delivery *d)
{
    if (d->events->flow)
        d->events->flow(d->ctx);
}
