#include "app/mail_trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "delivery/delivery.h"
#include "delivery/identity.h"
#include "io/loop.h"
#include "mail/rewrite_envelope.h"

struct mail_trial {
    struct checkup *checkup;
    size_t port;
    /* Like the configuration's accounts. All but this one are NULL, so that no fallback is
     * followed. */
    struct account **accounts;
    size_t upstream;
    struct delivery_env env;
    struct copy_budget budget;
    struct message record;
    struct delivery *delivery;
    /* A delivery may not be freed inside the event of a recipient. */
    struct deferred told;
    char words[240];
};

static void on_told(void *arg)
{
    struct mail_trial *t = arg;
    checkup_tried(t->checkup, t->port, t->words);
}

static void keep(struct mail_trial *t, const struct reply *reply)
{
    if (!reply_is(reply, 2))
        reply_words(reply, t->words, sizeof t->words);
    loop_defer(t->env.io->loop, &t->told);
}

static void on_recipient(void *ctx, size_t index, const struct reply *reply, bool from_upstream)
{
    (void)index;
    (void)from_upstream;
    keep(ctx, reply);
}

/* What happened is worth more than the reply that a client would get for it. */
static void on_outcome(void *ctx, const struct outcome *outcome)
{
    struct mail_trial *t = ctx;
    keep(t, &outcome->reply);
    if (outcome->behind[0])
        snprintf(t->words, sizeof t->words, "%s", outcome->behind);
}

static const struct delivery_events events = {
    .recipient = on_recipient, .verdict = on_outcome, .failed = on_outcome};

static void begin_delivery(struct mail_trial *t, const struct address *own, const char *sender)
{
    const struct addr nowhere = {0};
    const struct mail_params params = {0};
    struct delivery_order order = {.env = &t->env,
                                   .upstream = t->upstream,
                                   .message = &t->record,
                                   .sender = sender,
                                   .params = &params,
                                   .no_journal = true};
    message_begin(&t->record, "", own->text, &nowhere, "doctor", loop_now(t->env.io->loop));
    t->delivery = delivery_begin(&order, &events, t);
    delivery_recipient(t->delivery, own, &(struct rcpt_params){0});
}

static void *begin(struct checkup *c, size_t port)
{
    struct mail_trial *t = NEW(struct mail_trial);
    const struct upstream_config *cfg = checkup_config(c);
    struct config *config = checkup_whole_config(c);
    struct address own;
    t->checkup = c;
    t->port = port;
    t->upstream = (size_t)(cfg - config->upstreams);
    t->accounts = mem_alloc(config->nupstreams * sizeof(struct account *));
    t->env = (struct delivery_env){
        .io = checkup_io(c), .config = config, .accounts = t->accounts, .budget = &t->budget};
    deferred_init(&t->told, on_told, t);
    bool is_address = address_parse(slice_of(checkup_own_address(c)), &own);
    char *sender = is_address ? rewrite_sender(cfg, &own) : NULL;
    t->accounts[t->upstream] = checkup_account(c, port, delivery_identity(cfg, sender));
    if (sender) {
        begin_delivery(t, &own, sender);
    } else {
        snprintf(t->words, sizeof t->words, "this is not a mail address");
        loop_defer(t->env.io->loop, &t->told);
    }
    free(sender);
    return t;
}

static void end(void *trial)
{
    struct mail_trial *t = trial;
    deferred_cancel(&t->told);
    delivery_abandon(&t->delivery);
    account_unref(&t->accounts[t->upstream]);
    message_free(&t->record);
    free(t->accounts);
    loop_free_later(t->env.io->loop, t, free);
}

const struct checkup_trial mail_trial = {begin, end};
