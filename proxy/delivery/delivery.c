#include "delivery/delivery.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "delivery/advance.h"
#include "delivery/body.h"
#include "delivery/envelope.h"
#include "delivery/outcome.h"
#include "delivery/state.h"
#include "delivery/upstream_events.h"
#include "io/loop.h"
#include "mail/rewrite_envelope.h"
#include "mail/route.h"
#include "wire/utf8.h"

/* Limits of the upstream that are not known yet are checked when there is a session. */
enum own delivery_fault(const struct delivery_env *env, size_t upstream, const struct address *from,
                        const char *sender, const struct mail_params *params)
{
    if (!sender && from->text.len && !from->domain.len)
        return OWN_BAD_SENDER;
    if (upstream == ROUTE_NONE)
        return OWN_NO_ROUTE;
    if (upstream == ROUTE_LATER)
        return OWN_NO_ROUTE_YET;
    const struct account_facts *facts = account_facts(env->accounts[upstream]);
    if (!facts->known)
        return OWN_NOTHING;
    if (params->has_size && facts->has_size && facts->size && params->size > facts->size)
        return OWN_TOO_BIG;
    if (params->smtputf8 && !facts->smtputf8)
        return OWN_NO_UTF8;
    if (utf8_has_high(slice_of(sender)) && !facts->smtputf8)
        return OWN_SENDER_UTF8;
    return OWN_NOTHING;
}

/* ------------------------------------------------------------------ life */

struct delivery *delivery_begin(const struct delivery_order *order,
                                const struct delivery_events *events, void *ctx)
{
    struct delivery *d = NEW(struct delivery);
    const struct mail_params *params = order->params;
    d->env = order->env;
    d->account = account_ref(order->env->accounts[order->upstream]);
    d->upstream = &order->env->config->upstreams[order->upstream];
    d->message = order->message;
    d->client = order->client;
    d->events = events;
    d->ctx = ctx;
    d->lease_events = &delivery_lease_events;
    d->progressed = loop_now(d->env->io->loop);
    d->sender = mem_string(order->sender);
    if (strcmp(d->sender, d->message->from) != 0)
        d->message->sent_as = mem_string(d->sender);
    reply_init(&d->outcome.reply);
    reply_init(&d->own);
    reply_init(&d->unfit);
    reply_init(&d->said);
    d->eightbit = params->body == BODY_8BITMIME;
    d->has_size = params->has_size;
    d->size = params->size;
    d->wants_utf8 = params->smtputf8 || utf8_has_high(slice_of(d->sender));
    d->ret = slice_string(params->ret);
    d->envid = slice_string(params->envid);
    copy_init(&d->copy, d->env->budget);
    d->source = order->source;
    d->yields = order->yields;
    d->date = order->date;
    d->message_id = order->message_id;
    d->journal = order->no_journal ? JOURNAL_OVER : JOURNAL_DUE;
    d->journal_place = JOURNAL_NOWHERE;
    if (d->source)
        copy_give_up(&d->copy);
    d->keep = order->keep;
    d->wait = order->wait;
    d->seconds = loop_wall_ms(d->env->io->loop) / 1000;
    if (d->keep == KEEP_WHEN_ALWAYS)
        outcome_keep_unasked(d);
    else
        state_acquire(d, 0, false);
    return d;
}

static void destroy(void *arg)
{
    struct delivery *d = arg;
    account_unref(&d->account);
    reply_free(&d->outcome.reply);
    reply_free(&d->own);
    reply_free(&d->unfit);
    reply_free(&d->said);
    recipients_free(&d->recipients);
    rewrite_free(&d->rewrite);
    free(d->sender);
    free(d->ret);
    free(d->envid);
    free(d);
}

void delivery_free(struct delivery **delivery)
{
    struct delivery *d = *delivery;
    *delivery = NULL;
    if (!d)
        return;
    state_leave_upstream(d, false);
    d->back = BACK_SETTLED;
    copy_free(&d->copy);
    loop_free_later(d->env->io->loop, d, destroy);
}

void delivery_abandon(struct delivery **delivery)
{
    struct delivery *d = *delivery;
    delivery_free(delivery);
    /* This cannot wait for the end of the turn, because the accounts may be freed before. */
    if (d)
        account_unref(&d->account);
}

/* ------------------------------------------------------------------ what its user gives */

size_t delivery_recipient(struct delivery *d, const struct address *to,
                          const struct rcpt_params *params)
{
    if (!d->message->to)
        message_set_to(d->message, to->text);
    struct address heard = *to;
    char *rewritten = rewrite_recipient(&d->env->config->server.aliases, d->upstream, to);
    bool whole = rewritten && address_parse(slice_of(rewritten), &heard);
    struct recipient *r = recipients_add(&d->recipients, &heard, params);
    size_t index = r->index;
    free(rewritten);
    if (!whole) {
        envelope_refuse(d, r, OWN_BAD_RECIPIENT);
    } else if (d->back == BACK_SETTLED) {
        recipients_tell(&d->recipients, r, false);
        d->events->recipient(d->ctx, index, &d->outcome.reply, d->outcome.why == OWN_NOTHING);
    } else {
        state_note_wait(d);
        advance(d);
    }
    return index;
}

void delivery_data(struct delivery *d, const struct delivery_origin *origin)
{
    d->origin = *origin;
    d->phase = PHASE_DATA;
    state_note_wait(d);
    advance(d);
}

void delivery_body(struct delivery *d, struct slice octets)
{
    if (!body_feed(d, octets))
        return;
    advance(d);
    state_tell_flow(d);
}

void delivery_body_end(struct delivery *d)
{
    body_end(d);
    advance(d);
}

void delivery_go_on(struct delivery *d)
{
    advance(d);
}

/* ------------------------------------------------------------------ what is asked about it */

bool delivery_is_full(const struct delivery *d)
{
    return d->back != BACK_BODY || copy_next(&d->copy).len;
}

bool delivery_has_promised(const struct delivery *d)
{
    return state_has_promised(d);
}

bool delivery_awaits_verdict(const struct delivery *d)
{
    return d->back == BACK_END;
}

const struct outcome *delivery_outcome(const struct delivery *d)
{
    return d->back == BACK_SETTLED ? &d->outcome : NULL;
}

int64_t delivery_seconds(const struct delivery *d)
{
    return d->seconds;
}

const struct upstream_config *delivery_upstream(const struct delivery *d)
{
    return d->upstream;
}
