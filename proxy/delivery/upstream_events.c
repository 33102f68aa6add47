#include "delivery/upstream_events.h"

#include <stdio.h>

#include "base/log.h"
#include "delivery/advance.h"
#include "delivery/body.h"
#include "delivery/decline.h"
#include "delivery/envelope.h"
#include "delivery/fallback.h"
#include "delivery/journal.h"
#include "delivery/outcome.h"
#include "delivery/replay.h"

static const struct smtp_client_events client_events;

/* ------------------------------------------------------------------ the lease */

/* Returns what this session lacks that the client asked for at MAIL, when the upstream was not
 * known yet, or OWN_NOTHING. The client half drops DSN if the upstream has none. */
static enum own shortcoming(const struct delivery *d, const struct ehlo *ehlo)
{
    if (d->has_size && ehlo->has_size && ehlo->size && d->size > ehlo->size)
        return OWN_TOO_BIG;
    if (!ehlo->smtputf8 && (d->wants_utf8 || recipients_promised_utf8(&d->recipients)))
        return OWN_NO_UTF8;
    return OWN_NOTHING;
}

static void on_acquired(void *ctx, struct lease *lease)
{
    struct delivery *d = ctx;
    struct carrier *c = lease_carrier(lease);
    const struct tls_facts *tls = carrier_tls_facts(c);
    d->lease = lease;
    d->back = BACK_READY;
    d->unanswered = 0;
    d->mail_utf8 = d->unfit_at_mail = d->lost = false;
    d->unfit.code = 0;
    d->waits_since = 0;
    recipients_restart(&d->recipients);
    journal_restart(d);
    carrier_set_owner(c, &client_events, d);
    d->message->port = lease_port(lease)->number;
    slice_write(slice_of(tls ? tls->version : ""), d->message->tls, sizeof d->message->tls);
    enum own lacks = shortcoming(d, carrier_ehlo(c));
    if (lacks == OWN_NOTHING) {
        advance(d);
        return;
    }
    const char *words;
    enum own say = decline_shortcoming(d, lacks, &words);
    if (say == OWN_OTHER_PORT && decline_goes_elsewhere(d))
        return;
    outcome_own(d, state_has_promised(d) && say == lacks ? OWN_CHANGED : say, words);
}

static void on_refused(void *ctx, enum refusal why, const char *words)
{
    struct delivery *d = ctx;
    enum own own = failure_of_refusal(why);
    d->lease = NULL;
    d->back = BACK_NONE;
    if (own == OWN_LOOP)
        log_event(
            d->env->io->log, LOG_ERROR,
            "the upstream is this proxy itself: its host and port lead back to a [listen] of ours",
            log_str("id", d->message->id), log_str("upstream", d->upstream->name),
            log_str("host", d->upstream->host));
    if (fallback_follow(d, own, words))
        return;
    /* The next command asks again. Otherwise a client that pauses between two commands would be
     * told of an outage that is over. */
    if (!state_is_awaited(d))
        return;
    /* Accepted recipients cannot be taken back, so the reply is about the lost session and not
     * about the ports. */
    if (state_has_promised(d) && d->lost)
        outcome_said(d, d->said.code ? OWN_SERVICE : OWN_NO_REPLACEMENT, words);
    else
        outcome_own(d, own, words);
}

static void on_recalled(void *ctx)
{
    state_give_back(ctx);
}

const struct lease_events delivery_lease_events = {
    .acquired = on_acquired, .refused = on_refused, .recalled = on_recalled};

/* ------------------------------------------------------------------ the session */

/* After a verdict the lease is returned at once, so the pool gets this event. */
static void on_ready(void *ctx)
{
    (void)ctx;
}

static void on_mail_reply(void *ctx, const struct reply *reply)
{
    if (envelope_mail_reply(ctx, reply))
        advance(ctx);
}

static void on_rcpt_reply(void *ctx, size_t index, const struct reply *reply)
{
    if (envelope_rcpt_reply(ctx, index, reply))
        advance(ctx);
}

/* A message can meet several ports, each of which refuses its first empty chunk or has forgotten
 * BDAT. After so many of them the refusal is believed. */
enum { PROBES_MAX = 3 };

static void begin_body(struct delivery *d)
{
    d->phase = PHASE_BODY;
    body_begin(d);
    if (!d->source)
        d->events->go_ahead(d->ctx);
}

static void on_go_ahead(void *ctx, const struct reply *refusal)
{
    struct delivery *d = ctx;
    const struct carrier *c = lease_carrier(d->lease);
    if (refusal && carrier_uses_bdat(c) && carrier_chunking(c) != CHUNKING_UNPROVEN &&
        d->probes < PROBES_MAX) {
        replay_after_bdat(d);
        return;
    }
    if (refusal) {
        outcome_reply(d, refusal);
        return;
    }
    d->back = BACK_BODY;
    if (d->phase == PHASE_DATA)
        begin_body(d);
    body_pump(d);
}

static void on_low(void *ctx)
{
    advance(ctx);
}

static void on_verdict(void *ctx, const struct reply *reply)
{
    struct delivery *d = ctx;
    const struct carrier *c = lease_carrier(d->lease);
    /* A denial of BDAT itself says nothing about the message. */
    bool denies_bdat = carrier_uses_bdat(c) && carrier_chunking(c) == CHUNKING_BROKEN;
    if (carrier_wait(c) >= 0) {
        reply_copy(&d->said, reply);
        d->outcome.wait = carrier_wait(c);
        outcome_said(d, OWN_THROTTLED, "");
    } else if (!denies_bdat)
        outcome_reply(d, reply);
    else if (state_is_replayable(d) && d->probes < PROBES_MAX)
        replay_after_bdat(d);
    else
        outcome_own(d, state_is_replayable(d) ? OWN_MALFORMED : OWN_NOT_REPLAYABLE, NULL);
}

static void on_declined(void *ctx, enum smtp_client_decline why, const char *words)
{
    decline_message(ctx, why, words);
}

static void on_lost(void *ctx, const struct smtp_client_failure *failure)
{
    replay_lost(ctx, failure);
}

static const struct smtp_client_events client_events = {
    .ready = on_ready,
    .mail_reply = on_mail_reply,
    .rcpt_reply = on_rcpt_reply,
    .go_ahead = on_go_ahead,
    .low = on_low,
    .verdict = on_verdict,
    .declined = on_declined,
    .lost = on_lost,
};
