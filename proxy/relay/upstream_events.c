/* The client half's event table, and the lease's: what the upstream does, told to the
 * transaction. */
#include <stdio.h>

#include "relay/relay_private.h"

/* ------------------------------------------------------------------ the lease */

/* What this session lacks that the client asked for at MAIL, when the upstream was not known yet;
 * OWN_NOTHING: nothing. A missing DSN is dropped by the client half. */
static enum own shortcoming(const struct transaction *t, const struct ehlo *ehlo)
{
    if (t->has_size && ehlo->has_size && ehlo->size && t->size > ehlo->size)
        return OWN_TOO_BIG;
    if (!ehlo->smtputf8 && (t->wants_utf8 || recipients_promised_utf8(&t->recipients)))
        return OWN_NO_UTF8;
    return OWN_NOTHING;
}

static void on_acquired(void *ctx, struct lease *lease)
{
    struct transaction *t = ctx;
    struct smtp_client *c = lease_client(lease);
    const struct tls_facts *tls = smtp_client_tls_facts(c);
    t->lease = lease;
    t->back = BACK_READY;
    t->unanswered = 0;
    t->mail_utf8 = t->unfit_at_mail = t->lost = false;
    t->unfit.code = 0;
    recipients_restart(&t->recipients);
    smtp_client_set_owner(c, &transaction_client_events, t);
    t->message.port = lease_port(lease)->number;
    snprintf(t->message.tls, sizeof t->message.tls, "%s", tls ? tls->version : "");
    enum own lacks = shortcoming(t, smtp_client_ehlo(c));
    if (lacks == OWN_NOTHING)
        transaction_advance(t);
    else
        transaction_settle_own(t, transaction_promised(t) ? OWN_CHANGED : lacks, NULL);
}

/* Nobody waits for an answer: what comes next asks anew, or a client that thinks between two
 * commands would hear of an outage that is long over. */
static bool nothing_asked(struct transaction *t)
{
    return t->front == FRONT_ENVELOPE && !recipients_waiting(&t->recipients);
}

static void on_refused(void *ctx, enum refusal why, const char *words)
{
    struct transaction *t = ctx;
    enum own own = failure_of_refusal(why);
    t->lease = NULL;
    t->back = BACK_NONE;
    if (own == OWN_LOOP)
        log_event(
            t->relay->io->log, LOG_ERROR,
            "the upstream is this proxy itself: its host and port lead back to a [listen] of ours",
            log_str("id", t->message.id), log_str("upstream", t->upstream->name),
            log_str("host", t->upstream->host));
    if (transaction_fall_back(t, own, words))
        return;
    if (nothing_asked(t))
        return;
    /* What the client was told of its recipients cannot be taken back: this is then about the lost
     * session, not about the ports. */
    transaction_settle_own(t, transaction_promised(t) && t->lost ? OWN_NO_REPLACEMENT : own, words);
}

static void on_recalled(void *ctx)
{
    transaction_give_back(ctx);
}

const struct lease_events transaction_lease_events = {
    .acquired = on_acquired, .refused = on_refused, .recalled = on_recalled};

/* ------------------------------------------------------------------ the session */

/* After a verdict the lease is given back at once, so the pool hears this, not we. */
static void on_ready(void *ctx)
{
    (void)ctx;
}

static void on_mail_reply(void *ctx, const struct reply *reply)
{
    envelope_mail_reply(ctx, reply);
}

static void on_rcpt_reply(void *ctx, size_t index, const struct reply *reply)
{
    envelope_rcpt_reply(ctx, index, reply);
}

/* A message can meet several ports, each of which refuses its first empty chunk, or forgot BDAT;
 * one that does so for ever is believed in the end. */
enum { PROBES_MAX = 3 };

/* 354 is ours to say: the upstream's words about it are of no use to the client, and with BDAT
 * there are none. */
static void let_client_speak(struct transaction *t)
{
    struct smtp_server_command *cmd = t->cmd;
    t->cmd = NULL;
    t->front = FRONT_BODY;
    body_begin(t);
    smtp_server_answer(cmd,
                       &(struct answer){.code = 354,
                                        .enhanced = "",
                                        .text = slice_of("end the message with <CRLF>.<CRLF>")});
}

static void on_go_ahead(void *ctx, const struct reply *refusal)
{
    struct transaction *t = ctx;
    const struct smtp_client *c = lease_client(t->lease);
    if (refusal && smtp_client_uses_bdat(c) && smtp_client_chunking(c) != CHUNKING_UNPROVEN &&
        t->probes < PROBES_MAX) {
        replay_after_bdat(t);
        return;
    }
    if (refusal) {
        transaction_settle_reply(t, refusal);
        return;
    }
    t->back = BACK_BODY;
    if (t->front == FRONT_DATA)
        let_client_speak(t);
    body_pump(t);
}

static void on_low(void *ctx)
{
    transaction_advance(ctx);
}

static void on_verdict(void *ctx, const struct reply *reply)
{
    struct transaction *t = ctx;
    const struct smtp_client *c = lease_client(t->lease);
    /* A denial of BDAT itself says nothing about the message. */
    bool denies_bdat = smtp_client_uses_bdat(c) && smtp_client_chunking(c) == CHUNKING_BROKEN;
    if (!denies_bdat)
        transaction_settle_reply(t, reply);
    else if (t->body.whole && t->probes < PROBES_MAX)
        replay_after_bdat(t);
    else
        transaction_settle_own(t, t->body.whole ? OWN_MALFORMED : OWN_NOT_REPLAYABLE, NULL);
}

static void on_lost(void *ctx, const struct smtp_client_failure *failure)
{
    replay_lost(ctx, failure);
}

const struct smtp_client_events transaction_client_events = {
    .ready = on_ready,
    .mail_reply = on_mail_reply,
    .rcpt_reply = on_rcpt_reply,
    .go_ahead = on_go_ahead,
    .low = on_low,
    .verdict = on_verdict,
    .lost = on_lost,
};
