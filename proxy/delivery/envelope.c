#include "delivery/envelope.h"

#include "base/log.h"
#include "delivery/journal.h"
#include "delivery/outcome.h"
#include "delivery/replay.h"
#include "io/loop.h"
#include "mail/rewrite_lines.h"
#include "upstream/finding.h"

static bool any_waiting_has_utf8(const struct delivery *d)
{
    for (size_t i = 0; i < d->recipients.n; i++)
        if (d->recipients.items[i].has_utf8 && d->recipients.items[i].told != TOLD_REFUSED)
            return true;
    return false;
}

static void send_mail(struct delivery *d, struct carrier *c)
{
    d->mail_utf8 = d->wants_utf8 || (carrier_ehlo(c)->smtputf8 && any_waiting_has_utf8(d));
    struct smtp_client_mail mail = {
        .from = slice_of(d->sender),
        .has_size = d->has_size,
        .size = rewrite_size(d->upstream, d->size,
                             carrier_ehlo(c)->has_size ? carrier_ehlo(c)->size : 0),
        .eightbit = d->eightbit,
        .smtputf8 = d->mail_utf8,
        .ret = slice_of(d->ret),
        .envid = slice_of(d->envid),
    };
    carrier_mail(c, &mail);
    d->back = BACK_ENVELOPE;
    d->unanswered++;
}

void envelope_refuse(struct delivery *d, struct recipient *r, enum own own)
{
    failure_say(&d->own, own, d->message->id, &(struct own_words){.host = d->upstream->host});
    recipients_tell(&d->recipients, r, false);
    d->events->recipient(d->ctx, r->index, &d->own, false);
}

void envelope_send(struct delivery *d)
{
    struct carrier *c = lease_carrier(d->lease);
    if (d->back == BACK_READY && recipients_any_to_ask(&d->recipients))
        send_mail(d, c);
    for (struct recipient *r = recipients_next(&d->recipients); r;
         r = recipients_next(&d->recipients)) {
        /* RFC 6531 3.1: such a recipient needs the parameter on MAIL. If the upstream has it, MAIL
         * is sent again with it. */
        if (r->has_utf8 && !d->mail_utf8 && r->told == TOLD_NOTHING) {
            if (carrier_ehlo(c)->smtputf8) {
                replay_with_utf8(d);
                return;
            }
            envelope_refuse(d, r, OWN_RECIPIENT_UTF8);
            continue;
        }
        carrier_rcpt(c, slice_of(r->to), slice_of(r->notify), slice_of(r->orcpt));
        recipients_asked(&d->recipients, r);
        d->unanswered++;
    }
    journal_send(d);
}

static void log_change(struct delivery *d, const char *to, const struct reply *reply)
{
    char words[512];
    log_event(
        d->env->io->log, LOG_WARN,
        "on another session the upstream refuses what it had accepted before: nothing is sent now",
        log_str("id", d->message->id), log_str("upstream", d->upstream->name),
        log_num("port", d->message->port), log_str("to", to),
        log_str("reply", reply_words(reply, words, sizeof words)));
}

bool envelope_mail_reply(struct delivery *d, const struct reply *reply)
{
    d->unanswered--;
    if (reply_is(reply, 2)) {
        d->crowded_since = 0;
        return true;
    }
    if (replay_crowded(d, reply))
        return false;
    if (state_has_promised(d)) {
        log_change(d, NULL, reply);
        outcome_own(d, OWN_CHANGED, NULL);
    } else {
        outcome_reply(d, reply);
    }
    return false;
}

/* The line of the message names only one recipient. The others must be found in the log, too. */
static void log_refusal(const struct delivery *d, const struct recipient *r,
                        const struct reply *reply)
{
    char words[1024];
    log_event(d->env->io->log, LOG_INFO, "recipient refused", log_str("id", d->message->id),
              log_str("to", r->to), log_str("upstream", d->upstream->name),
              log_num("status", reply->code),
              log_str("reply", reply_words(reply, words, sizeof words)));
}

/* Returns false if the delivery has ended. */
static bool tell_first(struct delivery *d, struct recipient *r, const struct reply *reply)
{
    bool accepted = reply_is(reply, 2);
    if (reply_revokes_login(reply)) {
        outcome_note_unfit(d, reply);
        if (d->keep != KEEP_WHEN_NEVER) {
            outcome_own(d, OWN_CREDENTIALS, NULL);
            return false;
        }
        envelope_refuse(d, r, OWN_CREDENTIALS);
        return true;
    }
    /* If this recipient is kept for later, the whole message is. */
    if (failure_keep(d->keep, OWN_NOTHING, reply) != KEEP_NOT) {
        outcome_reply(d, reply);
        return false;
    }
    outcome_explain(d, reply);
    if (accepted)
        d->progressed = loop_now(d->env->io->loop);
    if (!accepted) {
        log_refusal(d, r, reply);
    } else if (d->recipients.accepted == 0 && d->recipients.refused > 0) {
        /* The first recipient was refused, so the line of the message must name another. */
        message_set_to(d->message, slice_of(r->to));
    }
    recipients_tell(&d->recipients, r, accepted);
    d->message->nrcpt = d->recipients.accepted;
    d->events->recipient(d->ctx, r->index, reply, true);
    return true;
}

bool envelope_rcpt_reply(struct delivery *d, size_t index, const struct reply *reply)
{
    if (journal_takes_reply(d, &index, reply))
        return true;
    struct recipient *r = recipients_of_answer(&d->recipients, index);
    d->unanswered--;
    switch (recipients_compare(r, reply)) {
    case COMPARE_FIRST: return tell_first(d, r, reply);
    case COMPARE_SAME: break;
    case COMPARE_CHANGED:
        log_change(d, r->to, reply);
        outcome_own(d, OWN_CHANGED, NULL);
        return false;
    }
    return true;
}
