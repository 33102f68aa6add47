#include "upstream/api_session_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/loop.h"

static struct api_session *of(struct carrier *c)
{
    return CONTAINER(c, struct api_session, carrier);
}

static const struct api_session *of_const(const struct carrier *c)
{
    return CONTAINER(c, const struct api_session, carrier);
}

/* ---- what the owner is told ---- */

static void tell_mail(struct api_session *s)
{
    struct reply r;
    s->mail_due = false;
    api_session_reply(&r, 250, "2.1.0", "sender noted", NULL);
    s->events->mail_reply(s->ctx, &r);
    reply_free(&r);
}

static void tell_recipient(struct api_session *s)
{
    struct reply r;
    size_t index = s->recipients_told++;
    if (index < api_service_recipients(s->terms.service))
        api_session_reply(&r, 250, "2.1.5", "recipient noted, verdict at the end of data", NULL);
    else
        api_session_reply(&r, 452, "4.5.3",
                          "no more recipients are taken in one message by the API of",
                          s->terms.cfg->host);
    s->events->rcpt_reply(s->ctx, index, &r);
    reply_free(&r);
}

/* Tells one thing. Returns false if there was none. */
static bool tell_next(struct api_session *s)
{
    if (s->decline_due) {
        s->decline_due = false;
        s->events->declined(s->ctx, s->decline, s->words);
    } else if (s->mail_due) {
        tell_mail(s);
    } else if (s->recipients_told < s->recipients) {
        tell_recipient(s);
    } else if (s->go_ahead_due) {
        s->go_ahead_due = false;
        s->events->go_ahead(s->ctx, NULL);
    } else if (s->low_due) {
        s->low_due = false;
        s->events->low(s->ctx);
    } else if (s->ready_due) {
        s->ready_due = false;
        if (s->events->ready)
            s->events->ready(s->ctx);
    } else {
        return false;
    }
    return true;
}

static void on_speak(void *arg)
{
    struct api_session *s = arg;
    unsigned epoch = s->epoch;
    while (s->epoch == epoch && s->events && tell_next(s))
        continue;
}

/* ---- the body ---- */

static void on_gather_low(void *ctx)
{
    struct api_session *s = ctx;
    s->low_due = true;
    api_session_speak(s);
}

static void on_gather_failed(void *ctx, const struct err *err)
{
    api_session_decline(ctx, SMTP_CLIENT_DECLINES_ROOM, err->words);
}

static bool is_too_large(const struct api_session *s, uint64_t size)
{
    return size > api_service_size(s->terms.service);
}

static void on_gathered(void *ctx)
{
    struct api_session *s = ctx;
    char words[320];
    enum api_fit fit = parcel_close(s->parcel, s->terms.service, s->terms.complete,
                                    s->terms.complete_ctx, words, sizeof words);
    if (fit != API_FITS)
        api_session_decline(
            s, fit == API_NAMES_OTHERS ? SMTP_CLIENT_DECLINES_OTHERS : SMTP_CLIENT_DECLINES_HEADER,
            words);
    else if (is_too_large(s, s->parcel->octets.size))
        api_session_decline(s, SMTP_CLIENT_DECLINES_SIZE, "");
    else
        api_session_ask(s, false);
}

static const struct gather_events gather_events = {
    .low = on_gather_low, .failed = on_gather_failed, .whole = on_gathered};

static size_t body(struct carrier *c, struct slice octets)
{
    struct api_session *s = of(c);
    if (s->state != API_BODY)
        return octets.len;
    if (is_too_large(s, gather_size(s->parcel->gather) + octets.len)) {
        api_session_decline(s, SMTP_CLIENT_DECLINES_SIZE, "");
        return octets.len;
    }
    return gather_put(s->parcel->gather, octets);
}

static void end_body(struct carrier *c)
{
    struct api_session *s = of(c);
    if (s->state != API_BODY)
        return;
    s->state = API_GATHERING;
    s->until = loop_now(s->terms.io->loop) + s->terms.cfg->final_timeout;
    gather_end(s->parcel->gather);
}

/* ---- the envelope ---- */

static void mail(struct carrier *c, const struct smtp_client_mail *m)
{
    struct api_session *s = of(c);
    s->state = API_ENVELOPE;
    s->epoch++;
    s->flights = 0;
    s->refused_once = false;
    s->ready_due = false;
    api_verdict_clear(&s->verdict);
    api_session_forget_due(s);
    if (!m->from.len) {
        api_session_decline(s, SMTP_CLIENT_DECLINES_SENDER, "");
        return;
    }
    s->parcel = parcel_new(s->terms.io, &gather_events, s);
    s->mail_due = true;
    api_session_speak(s);
}

static void rcpt(struct carrier *c, struct slice to, struct slice notify, struct slice orcpt)
{
    struct api_session *s = of(c);
    (void)notify;
    (void)orcpt;
    if (s->state != API_ENVELOPE)
        return;
    if (s->recipients++ < api_service_recipients(s->terms.service))
        parcel_add(s->parcel, to);
    api_session_speak(s);
}

static void begin_body(struct carrier *c)
{
    struct api_session *s = of(c);
    if (s->state != API_ENVELOPE)
        return;
    s->state = API_BODY;
    s->go_ahead_due = true;
    api_session_speak(s);
}

/* ---- the rest of the table ---- */

static void set_owner(struct carrier *c, const struct smtp_client_events *events, void *ctx)
{
    struct api_session *s = of(c);
    s->events = events;
    s->ctx = ctx;
    s->epoch++;
    if (s->ready_due)
        api_session_speak(s);
}

static const struct ehlo *ehlo(const struct carrier *c)
{
    return &of_const(c)->ehlo;
}

static const struct tls_facts *tls_facts(const struct carrier *c)
{
    return of_const(c)->terms.tls ? &of_const(c)->tls : NULL;
}

static const struct addr *peer(const struct carrier *c)
{
    return &of_const(c)->peer;
}

static void mark_pooled(struct carrier *c)
{
    (void)c;
}

static void set_chunking(struct carrier *c, enum smtp_client_chunking known)
{
    (void)c;
    (void)known;
}

static enum smtp_client_chunking chunking(const struct carrier *c)
{
    (void)c;
    return CHUNKING_UNPROVEN;
}

static bool uses_bdat(const struct carrier *c)
{
    (void)c;
    return false;
}

/* A request that is under way may still be taken: who gives up after the end of the body knows
 * that. */
static bool give_up(struct carrier *c)
{
    struct api_session *s = of(c);
    api_session_let_go(s);
    api_session_forget_due(s);
    s->epoch++;
    s->state = API_IDLE;
    s->ready_due = true;
    api_session_speak(s);
    return true;
}

static unsigned flights(const struct carrier *c)
{
    return of_const(c)->flights;
}

static bool is_idle(const struct carrier *c)
{
    const struct api_session *s = of_const(c);
    return (s->state == API_IDLE || s->state == API_ANSWERED) && !s->decline_due &&
           credential_wait_left(s->terms.credential) == 0;
}

static int64_t wait_of(const struct carrier *c)
{
    const struct api_verdict *v = &of_const(c)->verdict;
    return v->end != API_THROTTLED ? -1 : v->wait > 0 ? v->wait : 0;
}

static void quit(struct carrier *c)
{
    struct api_session *s = of(c);
    if (s->state != API_OVER)
        api_session_end(s);
}

static const struct carrier_kind kind = {
    .set_owner = set_owner,
    .ehlo = ehlo,
    .tls_facts = tls_facts,
    .peer = peer,
    .mark_pooled = mark_pooled,
    .mail = mail,
    .rcpt = rcpt,
    .set_chunking = set_chunking,
    .chunking = chunking,
    .begin_body = begin_body,
    .uses_bdat = uses_bdat,
    .body = body,
    .end_body = end_body,
    .abort = give_up,
    .flights = flights,
    .is_idle = is_idle,
    .wait = wait_of,
    .quit = quit,
};

/* ---- life ---- */

struct carrier *api_session_new(const struct api_terms *terms,
                                const struct api_session_events *events, void *ctx)
{
    struct api_session *s = NEW(struct api_session);
    s->carrier.kind = &kind;
    s->terms = *terms;
    s->identity = mem_string(terms->identity);
    s->told = events;
    s->told_ctx = ctx;
    if (terms->tls)
        s->tls = *terms->tls;
    if (terms->peer)
        s->peer = *terms->peer;
    s->ehlo = (struct ehlo){.eightbit = true,
                            .enhanced = true,
                            .has_size = true,
                            .size = api_service_size(terms->service)};
    deferred_init(&s->speak, on_speak, s);
    api_pass_init(&s->pass, api_session_on_granted, s);
    credential_request_init(&s->request_secret);
    s->clock = timer_new(terms->io->loop, api_session_on_clock, s);
    return &s->carrier;
}
