#include "delivery/body.h"

#include <stdio.h>

#include "base/caps.h"
#include "base/log.h"
#include "delivery/outcome.h"
#include "mail/rewrite_lines.h"

/* PROMISES 7; RFC 5321 6.3 */
enum { RECEIVED_MAX = 50 };

/* ------------------------------------------------------------------ into the rewriting */

/* The last stage, behind the rewriting, so that a replay gives the upstream the same octets again.
 * Octets that are not kept for a replay go straight to the session. */
static void put(void *ctx, struct slice octets)
{
    struct delivery *d = ctx;
    if (!d->copy.whole && d->back == BACK_BODY && !copy_next(&d->copy).len)
        octets = slice_from(octets, carrier_body(lease_carrier(d->lease), octets));
    if (octets.len)
        copy_put(&d->copy, octets);
}

static struct rewrite_facts facts_of(const struct delivery *d)
{
    return (struct rewrite_facts){
        .upstream = d->upstream,
        .hostname = d->env->config->server.hostname,
        .sender = d->sender,
        .id = d->message->id,
        .seconds = d->seconds,
        .utf8 = d->wants_utf8,
        .date = d->date,
        .message_id = d->message_id,
    };
}

static void complete(struct rewrite_plan *plan, void *ctx)
{
    struct rewrite_facts facts = facts_of(ctx);
    rewrite_plan_complete(plan, &facts);
}

void body_begin(struct delivery *d)
{
    struct rewrite_facts facts = facts_of(d);
    struct rewrite_plan plan;
    facts.helo = d->origin.helo;
    facts.client = d->origin.client;
    facts.esmtp = d->origin.esmtp;
    facts.tls = d->origin.tls;
    facts.authenticated = d->origin.authenticated;
    rewrite_plan_make(&plan, &facts);
    plan.complete = complete;
    rewrite_free(&d->rewrite);
    rewrite_begin(&d->rewrite, &plan, put, d);
    d->message->size = d->offset = 0;
}

bool body_feed(struct delivery *d, struct slice octets)
{
    d->message->size += octets.len;
    rewrite_feed(&d->rewrite, octets);
    /* Unchanged it would be sent with an address that header_from forbids. */
    bool long_from = d->rewrite.too_long;
    if (d->rewrite.scan.received <= RECEIVED_MAX && !long_from)
        return true;
    outcome_own(d, long_from ? OWN_LONG_FROM : OWN_HOPS, NULL);
    return false;
}

static void log_left_out(struct delivery *d)
{
    char fields[32];
    const struct rewrite *r = &d->rewrite;
    if (d->left_out_said || !(r->left_date || r->left_message_id || r->left_from))
        return;
    snprintf(fields, sizeof fields, "%s%s%s", r->left_date ? ",Date" : "",
             r->left_message_id ? ",Message-ID" : "", r->left_from ? ",From" : "");
    d->left_out_said = true;
    log_event(d->env->io->log, LOG_INFO,
              "missing header fields were not added: a DKIM-Signature covers their absence, "
              "and would break",
              log_str("id", d->message->id), log_str("fields", fields + 1));
}

void body_end(struct delivery *d)
{
    rewrite_end(&d->rewrite);
    log_left_out(d);
    d->phase = PHASE_END;
}

/* ------------------------------------------------------------------ to the session */

/* Reads only octets for which the session has room. Returns false if the delivery has ended. */
static bool pull(struct delivery *d)
{
    while (d->source && d->phase == PHASE_BODY && !copy_next(&d->copy).len) {
        struct slice octets;
        switch (d->source->next(d->source->ctx, d->offset, &octets)) {
        case SOURCE_LATER: return true;
        case SOURCE_END: body_end(d); break;
        case SOURCE_TORN: outcome_own(d, OWN_TORN, NULL); return false;
        case SOURCE_OCTETS:
            octets = slice_head(octets, CAP_CHUNK);
            d->offset += octets.len;
            if (!body_feed(d, octets))
                return false;
            break;
        }
    }
    return true;
}

static bool may_end(struct delivery *d)
{
    return !d->source || !d->source->may_end || d->source->may_end(d->source->ctx);
}

void body_pump(struct delivery *d)
{
    struct carrier *c = lease_carrier(d->lease);
    struct slice next = copy_next(&d->copy);
    if (next.len)
        copy_fed(&d->copy, carrier_body(c, next));
    if (!pull(d))
        return;
    if (!copy_next(&d->copy).len && d->phase == PHASE_END && may_end(d)) {
        d->back = BACK_END;
        carrier_end_body(c);
    }
    state_tell_flow(d);
}
