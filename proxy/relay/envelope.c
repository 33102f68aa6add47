/* MAIL and RCPT upstream, and what each recipient is told: the upstream's own code and text
 * (PROMISES 6). */
#include "mail/rewrite_lines.h"
#include "relay/relay_private.h"
#include "upstream/finding.h"

static bool any_waiting_has_utf8(const struct transaction *t)
{
    for (size_t i = 0; i < t->recipients.n; i++)
        if (t->recipients.items[i].has_utf8 && t->recipients.items[i].told != TOLD_REFUSED)
            return true;
    return false;
}

static void send_mail(struct transaction *t, struct smtp_client *c)
{
    t->mail_utf8 = t->wants_utf8 || (smtp_client_ehlo(c)->smtputf8 && any_waiting_has_utf8(t));
    struct smtp_client_mail mail = {
        .from = slice_of(t->sender),
        .has_size = t->has_size,
        .size = rewrite_size(t->upstream, t->size,
                             smtp_client_ehlo(c)->has_size ? smtp_client_ehlo(c)->size : 0),
        .eightbit = t->eightbit,
        .smtputf8 = t->mail_utf8,
        .ret = slice_of(t->ret),
        .envid = slice_of(t->envid),
    };
    smtp_client_mail(c, &mail);
    t->back = BACK_ENVELOPE;
    t->unanswered++;
}

void envelope_refuse(struct transaction *t, struct recipient *r, enum own own)
{
    failure_say(&t->refusal, own, t->message.id, &(struct own_words){.host = t->upstream->host});
    answer_with(recipients_tell(&t->recipients, r, false), &t->refusal, false);
}

void envelope_send(struct transaction *t)
{
    struct smtp_client *c = lease_client(t->lease);
    if (t->back == BACK_READY && recipients_any_to_ask(&t->recipients))
        send_mail(t, c);
    for (struct recipient *r = recipients_next(&t->recipients); r;
         r = recipients_next(&t->recipients)) {
        /* RFC 6531 3.1: not without the parameter on MAIL. Where the upstream has it, such a
         * recipient is taken, wherever it stands. */
        if (r->has_utf8 && !t->mail_utf8 && r->told == TOLD_NOTHING) {
            if (smtp_client_ehlo(c)->smtputf8) {
                replay_with_utf8(t);
                return;
            }
            envelope_refuse(t, r, OWN_RECIPIENT_UTF8);
            continue;
        }
        smtp_client_rcpt(c, slice_of(r->to), slice_of(r->notify), slice_of(r->orcpt));
        recipients_asked(&t->recipients, r);
        t->unanswered++;
    }
}

void envelope_answer_waiting(struct transaction *t)
{
    for (struct recipient *r = recipients_waiting(&t->recipients); r;
         r = recipients_waiting(&t->recipients))
        answer_with(recipients_tell(&t->recipients, r, false), &t->answer, t->answer_is_upstreams);
}

static void log_change(struct transaction *t, const char *to, const struct reply *reply)
{
    char words[512];
    log_event(t->relay->io->log, LOG_WARN,
              "on another session the upstream refuses what it took before, nothing is sent",
              log_str("id", t->message.id), log_str("to", to),
              log_str("reply", reply_words(reply, words, sizeof words)));
}

void envelope_mail_reply(struct transaction *t, const struct reply *reply)
{
    t->unanswered--;
    if (reply_is(reply, 2)) {
        t->crowded_since = 0;
        transaction_advance(t);
    } else if (replay_crowded(t, reply)) {
        return;
    } else if (transaction_promised(t)) {
        log_change(t, NULL, reply);
        transaction_settle_own(t, OWN_CHANGED, NULL);
    } else {
        transaction_settle_reply(t, reply);
    }
}

/* The message's own line names one recipient: who asks after another must find him too. */
static void log_refusal(const struct transaction *t, const struct recipient *r,
                        const struct reply *reply)
{
    char words[1024];
    log_event(t->relay->io->log, LOG_INFO, "recipient refused", log_str("id", t->message.id),
              log_str("to", r->to), log_str("upstream", t->upstream->name),
              log_num("status", reply->code),
              log_str("reply", reply_words(reply, words, sizeof words)));
}

static void tell_first(struct transaction *t, struct recipient *r, const struct reply *reply)
{
    bool accepted = reply_is(reply, 2);
    if (reply_revokes_login(reply)) {
        transaction_note_unfit(t, reply);
        envelope_refuse(t, r, OWN_CREDENTIALS);
        return;
    }
    transaction_explain(t, reply);
    if (accepted)
        t->progressed = loop_now(t->relay->io->loop);
    if (!accepted) {
        reply_copy(&t->refusal, reply);
        log_refusal(t, r, reply);
    } else if (t->recipients.accepted == 0 && t->recipients.refused > 0) {
        /* the first one was refused: the line must not say that it went to him */
        message_set_to(&t->message, slice_of(r->to));
    }
    answer_with(recipients_tell(&t->recipients, r, accepted), reply, true);
}

void envelope_rcpt_reply(struct transaction *t, size_t index, const struct reply *reply)
{
    struct recipient *r = recipients_of_answer(&t->recipients, index);
    t->unanswered--;
    switch (recipients_compare(r, reply)) {
    case COMPARE_FIRST: tell_first(t, r, reply); break;
    case COMPARE_SAME: break;
    case COMPARE_CHANGED:
        log_change(t, r->to, reply);
        transaction_settle_own(t, OWN_CHANGED, NULL);
        return;
    }
    transaction_advance(t);
}
