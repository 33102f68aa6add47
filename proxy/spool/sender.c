/* One try of one message. It is opened, routed and delivered, the outcome goes into its log, and it
 * is given up if that is due. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "mail/rewrite_envelope.h"
#include "mail/route.h"
#include "spool/spool_private.h"
#include "upstream/finding.h"

/* ------------------------------------------------------------------ life */

static void go_on(void *arg);

void trial_end(struct trial *t)
{
    struct spool *spool = t->spool;
    if (t->lane)
        t->lane->running--;
    else
        spool->nroutings--;
    if (t->entry) {
        struct errand *job = schedule_job(spool, t->entry);
        job->is_sending = false;
    }
    link_remove(&t->link);
    spool->ntrials--;
    store_message_close(&t->message);
    trial_abandon(t);
    schedule_later(spool);
}

static void destroy(void *arg)
{
    struct trial *t = arg;
    for (size_t i = 0; i < t->npeople; i++)
        free(t->people[i].words);
    free(t->people);
    kept_body_free(&t->body);
    message_free(&t->record);
    reply_free(&t->outcome.reply);
    report_free(t);
    free(t);
}

void trial_abandon(struct trial *t)
{
    struct spool *spool = t->spool;
    link_remove(&t->link);
    deferred_cancel(&t->later);
    delivery_abandon(&t->delivery);
    /* The accounts may be freed in this turn, and the rules hold references. */
    rules_unref(&t->rules);
    loop_free_later(spool->io->loop, t, destroy);
}

void trial_forget(struct spool *spool, const struct spool_entry *entry)
{
    LIST_EACH (&spool->trials, it) {
        struct trial *t = CONTAINER(it, struct trial, link);
        if (t->entry == entry)
            t->entry = NULL;
    }
}

/* ------------------------------------------------------------------ what came of it */

static void say(struct person *p, unsigned code, const char *words, int fate)
{
    free(p->words);
    p->words = mem_string(words);
    p->code = code;
    p->fate = (unsigned)fate;
}

/* The words of a reply without its code. */
static const char *words_of(const struct reply *reply, char *out, size_t size)
{
    reply_words(reply, out, size);
    return strlen(out) > 4 ? out + 4 : "";
}

/* A daily limit (5.4.5 is congestion in RFC 3463) and a revoked login concern the account and not
 * the message. */
static bool is_about_account(const struct reply *reply)
{
    return strcmp(reply->enhanced, "5.4.5") == 0 || reply_revokes_login(reply);
}

/* Returns the words for people, without the ID at the end of replies to clients. */
static void set_reason(struct trial *t, const struct reply *reply)
{
    char words[512], ending[MESSAGE_ID_LONGEST + 4];
    reply_words(reply, words, sizeof words);
    size_t n = strlen(words);
    size_t len = (size_t)snprintf(ending, sizeof ending, " [%s]", t->record.id);
    if (n > len && strcmp(words + n - len, ending) == 0)
        words[n - len] = '\0';
    snprintf(t->reason, sizeof t->reason, "%.*s", (int)sizeof t->reason - 1, words);
}

/* Notes the answer to one recipient. Answers of ours have no code, because no server gave them. */
static void judge(struct trial *t, struct person *p, const struct reply *reply, bool from_upstream)
{
    char words[512];
    const char *text = words_of(reply, words, sizeof words);
    unsigned code = from_upstream ? (unsigned)reply->code : 0;
    bool about_account = is_about_account(reply) || strcmp(reply->enhanced, "4.3.5") == 0;
    t->rests_account = t->rests_account || about_account;
    if (reply_is(reply, 2))
        say(p, code, text, PERSON_ACCEPTED);
    else if (reply_is(reply, 5) && !about_account)
        say(p, code, text, PERSON_REFUSED);
    else
        say(p, code, text, PERSON_PUT_OFF);
    if (!reply_is(reply, 2))
        set_reason(t, reply);
}

static bool is_no_session(const struct trial *t)
{
    switch (t->outcome.why) {
    case OWN_CREDENTIALS:
    case OWN_AUTH_TEMPORARY:
    case OWN_TLS:
    case OWN_NO_PORT:
    case OWN_BUSY:
    case OWN_ACCOUNT_RATE:
    case OWN_LOOP:
    case OWN_SHUTDOWN: return t->naccepted == 0;
    default: return false;
    }
}

/* Notes for each recipient what the outcome of the message means. */
static void judge_all(struct trial *t)
{
    const struct reply *reply = &t->outcome.reply;
    bool is_served = t->outcome.why == OWN_NOTHING && reply_is(reply, 2);
    for (size_t i = 0; i < t->npeople; i++) {
        struct person *p = &t->people[i];
        if (p->fate != PERSON_ACCEPTED && p->fate != PERSON_WAITS)
            continue;
        if (is_served || t->outcome.may_be_taken)
            p->fate = p->fate == PERSON_ACCEPTED && is_served ? PERSON_SERVED : PERSON_WAITS;
        else if (is_no_session(t))
            p->fate = PERSON_WAITS;
        else
            judge(t, p, reply, t->outcome.why == OWN_NOTHING);
    }
}

static enum spool_try result_of(const struct trial *t)
{
    bool any_served = false, any_put_off = false;
    if (t->outcome.may_be_taken)
        return SPOOL_TRY_UNKNOWN;
    for (size_t i = 0; i < t->npeople; i++) {
        any_served = any_served || t->people[i].fate == PERSON_SERVED;
        any_put_off = any_put_off || t->people[i].fate == PERSON_PUT_OFF;
    }
    if (any_served)
        return SPOOL_TRY_DELIVERED;
    if (is_no_session(t))
        return SPOOL_TRY_NO_SESSION;
    return any_put_off ? SPOOL_TRY_DEFERRED : SPOOL_TRY_REFUSED;
}

/* ------------------------------------------------------------------ giving up */

static void give_up_where_due(struct trial *t)
{
    struct spool *spool = t->spool;
    const struct history *h = store_message_history(t->message);
    bool unknown = t->entry->unknown >= spool->options.max_unknown;
    bool all = unknown || schedule_is_too_old(spool, t->entry);
    bool any_waits = false;
    t->given_up = mem_alloc((h->n + 1) * sizeof *t->given_up);
    for (size_t i = 0; i < h->n; i++) {
        enum fate fate = h->recipients[i].fate;
        bool waits = fate == FATE_WAITING || fate == FATE_PUT_OFF;
        if (fate == FATE_REFUSED || (all && waits))
            t->given_up[t->ngiven_up++] = i;
        any_waits = any_waits || waits;
    }
    t->why = !all || !any_waits ? BOUNCE_REFUSED : unknown ? BOUNCE_UNKNOWN : BOUNCE_TOO_OLD;
    if (t->ngiven_up > 0)
        report_begin(t);
    else
        trial_end(t);
}

/* ------------------------------------------------------------------ writing it down */

static void on_noted(void *arg, const struct err *err)
{
    struct trial *t = arg;
    (void)err;
    if (!t->entry || !store_message_entry(t->message)) {
        t->entry = NULL;
        trial_end(t);
        return;
    }
    give_up_where_due(t);
}

static void note(struct trial *t)
{
    struct store_fate *fates = mem_alloc((t->npeople + 1) * sizeof *fates);
    struct store_outcome o = {.lost = t->outcome.may_be_taken, .fates = fates};
    for (size_t i = 0; i < t->npeople; i++) {
        const struct person *p = &t->people[i];
        static const enum fate fate_of[] = {[PERSON_PUT_OFF] = FATE_PUT_OFF,
                                            [PERSON_REFUSED] = FATE_REFUSED,
                                            [PERSON_SERVED] = FATE_SERVED};
        if (p->fate == PERSON_WAITS || p->fate == PERSON_ACCEPTED)
            continue;
        fates[o.n++] = (struct store_fate){
            .recipient = p->index, .fate = fate_of[p->fate], .code = p->code, .words = p->words};
    }
    if (o.n > 0 || o.lost || t->body.has_dot)
        store_message_outcome(t->message, &o, on_noted, t);
    else
        on_noted(t, NULL);
    free(fates);
}

static void tell(struct trial *t, enum spool_try result)
{
    static const enum result results[SPOOL_TRY_COUNT] = {[SPOOL_TRY_DELIVERED] = RESULT_DELIVERED,
                                                         [SPOOL_TRY_DEFERRED] = RESULT_DEFERRED,
                                                         [SPOOL_TRY_REFUSED] = RESULT_REFUSED,
                                                         [SPOOL_TRY_UNKNOWN] = RESULT_LOST_LINK,
                                                         [SPOOL_TRY_NO_SESSION] = RESULT_DEFERRED};
    const struct message_watch nobody = {0};
    struct spool *spool = t->spool;
    t->record.queued = store_now(spool->store) - t->entry->queued;
    t->record.tries = t->entry->tries + (t->body.has_dot ? 0 : 1);
    message_report(&t->record, spool->io, &nobody, results[result], &t->outcome.reply);
}

/* The delivery has ended, and the store has no call in progress. */
static void settle(struct trial *t)
{
    struct trial_end end = {0};
    if (!t->entry || !store_message_entry(t->message)) {
        /* It is damaged and in corrupt/. The log was told. */
        t->entry = NULL;
        trial_end(t);
        return;
    }
    judge_all(t);
    end.result = result_of(t);
    end.rests_account = t->rests_account || end.result == SPOOL_TRY_NO_SESSION;
    if (!t->reason[0] || is_no_session(t) || t->outcome.may_be_taken)
        set_reason(t, &t->outcome.reply);
    end.reason = t->reason;
    end.wait = t->outcome.wait * USEC_PER_SEC;
    end.is_ours = t->outcome.why == OWN_SHUTDOWN;
    tell(t, end.result);
    schedule_note(t, &end);
    note(t);
}

/* ------------------------------------------------------------------ the delivery */

static void over(struct trial *t)
{
    t->is_over = true;
    if (t->delivery) {
        t->upstream = delivery_upstream(t->delivery);
        snprintf(t->host, sizeof t->host, "%s", t->upstream->host);
    }
    loop_defer(t->spool->io->loop, &t->later);
}

static void advance_to_data(struct trial *t)
{
    struct delivery_origin origin = {.helo = "", .client = &t->client, .esmtp = true};
    if (t->is_over || t->has_data || !t->all_added || t->nanswered < t->npeople)
        return;
    if (t->naccepted > 0) {
        t->has_data = true;
        delivery_data(t->delivery, &origin);
    } else {
        /* Every recipient has an answer, and none was accepted. */
        over(t);
    }
}

static void on_recipient(void *ctx, size_t index, const struct reply *reply, bool from_upstream)
{
    struct trial *t = ctx;
    judge(t, &t->people[index], reply, from_upstream);
    if (!reply_is(reply, 2))
        reply_copy(&t->outcome.reply, reply);
    t->nanswered++;
    t->naccepted += reply_is(reply, 2);
    advance_to_data(t);
}

static void on_outcome(void *ctx, const struct outcome *outcome)
{
    struct trial *t = ctx;
    reply_copy(&t->outcome.reply, &outcome->reply);
    t->outcome.result = outcome->result;
    t->outcome.why = outcome->why;
    t->outcome.may_be_taken = outcome->may_be_taken;
    t->outcome.wait = outcome->wait;
    over(t);
}

static const struct delivery_events events = {
    .recipient = on_recipient, .verdict = on_outcome, .failed = on_outcome};

static void go_on(void *arg)
{
    struct trial *t = arg;
    if (!t->is_over || t->is_settled)
        return;
    delivery_free(&t->delivery);
    /* The message must not be closed while it is read. */
    t->is_settled = !t->body.is_busy;
    if (t->is_settled)
        settle(t);
}

static void on_body(void *ctx)
{
    struct trial *t = ctx;
    if (t->is_over)
        loop_defer(t->spool->io->loop, &t->later);
    else
        delivery_go_on(t->delivery);
}

/* An outcome of ours, before an upstream was asked. */
static void refuse_all(struct trial *t, enum own own, const char *host)
{
    failure_say(&t->outcome.reply, own, t->entry->id, &(struct own_words){.host = host});
    t->outcome.why = own;
    t->outcome.result = failure_result(own);
    over(t);
}

static void add_recipients(struct trial *t)
{
    const struct spool_envelope *e = store_message_envelope(t->message);
    for (size_t i = 0; i < t->npeople; i++) {
        const struct spool_recipient *to = &e->recipients[t->people[i].index];
        struct rcpt_params params = {.notify = slice_of(to->notify), .orcpt = slice_of(to->orcpt)};
        struct address address;
        /* It was a valid address when it was accepted. */
        if (!address_parse(slice_of(to->address), &address))
            address = (struct address){.text = slice_of(to->address)};
        delivery_recipient(t->delivery, &address, &params);
    }
    t->all_added = true;
    advance_to_data(t);
}

/* If any recipient was served, the journal got its copy then. A bounce gets none, because it is not
 * a client's message. */
static bool has_its_journal(const struct trial *t, const struct spool_envelope *e)
{
    return e->bounce != SPOOL_MAIL || history_count(store_message_history(t->message)).served > 0;
}

static void deliver(struct trial *t, size_t upstream)
{
    const struct spool_envelope *e = store_message_envelope(t->message);
    const struct upstream_config *u = &t->rules->delivery.config->upstreams[upstream];
    struct address from;
    struct mail_params params = {.has_size = true,
                                 .size = store_message_size(t->message),
                                 .body = e->body,
                                 .smtputf8 = e->smtputf8,
                                 .ret = slice_of(e->ret),
                                 .envid = slice_of(e->envid)};
    bool is_sender = rules_sender(e, &from);
    char *sender = is_sender ? rewrite_sender(u, &from) : NULL;
    enum own fault = delivery_fault(&t->rules->delivery, upstream, &from, sender, &params);
    struct delivery_order order = {.env = &t->rules->delivery,
                                   .upstream = upstream,
                                   .message = &t->record,
                                   .sender = sender,
                                   .params = &params,
                                   .source = &t->body.source,
                                   .yields = true,
                                   .date = e->date,
                                   .message_id = e->message_id,
                                   .no_journal = has_its_journal(t, e)};
    message_begin(&t->record, e->id, slice_of(e->sender), &t->client, e->listener,
                  loop_now(t->spool->io->loop));
    t->record.via_spool = true;
    t->record.upstream = mem_string(u->name);
    t->upstream = u;
    snprintf(t->host, sizeof t->host, "%s", u->host);
    if (!sender && fault == OWN_NOTHING)
        fault = OWN_BAD_SENDER;
    if (fault == OWN_NOTHING) {
        t->delivery = delivery_begin(&order, &events, t);
        add_recipients(t);
    } else {
        refuse_all(t, fault, u->host);
    }
    free(sender);
}

/* ------------------------------------------------------------------ the message is open */

static void collect(struct trial *t)
{
    const struct history *h = store_message_history(t->message);
    t->people = mem_alloc((h->n + 1) * sizeof *t->people);
    for (size_t i = 0; i < h->n; i++)
        if (h->recipients[i].fate == FATE_WAITING || h->recipients[i].fate == FATE_PUT_OFF)
            t->people[t->npeople++] = (struct person){.index = i};
}

/* Its account is gone. Looks for another one, in whose turn it will be tried. */
static void route(struct trial *t)
{
    struct spool *spool = t->spool;
    struct errand *job = schedule_job(spool, t->entry);
    size_t upstream = rules_route(t->rules, store_message_envelope(t->message));
    if (upstream == ROUTE_LATER) {
        schedule_put_off(spool, t->entry, spool->options.retry_first,
                         "the names that decide about its destination are not resolved yet");
    } else if (upstream == ROUTE_NONE) {
        job->is_held = true;
        log_event(spool->io->log, LOG_WARN,
                  "a kept message is held: its account is gone, and no other takes it. Add one "
                  "that does, or remove it (smtp-detour spool remove ID)",
                  log_str("id", t->entry->id), log_str("account", t->entry->account),
                  log_str("from", store_message_envelope(t->message)->sender));
    } else {
        job->lane = schedule_open_lane(spool, t->rules->delivery.config->upstreams[upstream].name);
    }
    trial_end(t);
}

static void deliver_by_lane(struct trial *t)
{
    size_t upstream = rules_account(t->rules, t->lane->name);
    if (upstream != ROUTE_NONE) {
        collect(t);
        deliver(t, upstream);
        return;
    }
    /* A reload took the account away while the message was opened. */
    schedule_job(t->spool, t->entry)->lane = NULL;
    trial_end(t);
}

static void on_opened(void *arg, struct store_message *message, const struct err *err)
{
    struct trial *t = arg;
    struct spool *spool = t->spool;
    t->message = message;
    if (!message || !t->entry) {
        if (t->entry)
            schedule_put_off(spool, t->entry, 10 * USEC_PER_SEC, err->words);
        trial_end(t);
        return;
    }
    kept_body_init(&t->body, message, on_body, t);
    if (!addr_parse(slice_of(store_message_envelope(message)->client), &t->client))
        t->client = (struct addr){0};
    if (t->only_gives_up || t->entry->waiting == 0 || t->entry->refused > 0 ||
        t->entry->unknown >= spool->options.max_unknown) {
        give_up_where_due(t);
    } else if (!t->lane) {
        route(t);
    } else if (spool->is_draining) {
        trial_end(t);
    } else {
        deliver_by_lane(t);
    }
}

void trial_begin(struct spool *spool, struct spool_entry *entry, struct lane *lane)
{
    struct trial *t = NEW(struct trial);
    struct errand *job = schedule_job(spool, entry);
    t->spool = spool;
    t->entry = entry;
    t->lane = lane;
    t->rules = rules_ref(spool->rules);
    t->only_gives_up = schedule_is_too_old(spool, entry);
    reply_init(&t->outcome.reply);
    deferred_init(&t->later, go_on, t);
    list_push_back(&spool->trials, &t->link);
    spool->ntrials++;
    if (lane)
        lane->running++;
    else
        spool->nroutings++;
    job->is_sending = true;
    store_message_open(spool->store, entry, on_opened, t);
}

void trial_drain(struct trial *t)
{
    if (!t->delivery || t->is_over || delivery_awaits_verdict(t->delivery))
        return;
    failure_say(&t->outcome.reply, OWN_SHUTDOWN, t->record.id, &(struct own_words){0});
    t->outcome.why = OWN_SHUTDOWN;
    t->outcome.result = failure_result(OWN_SHUTDOWN);
    /* Nothing of it was taken. */
    t->naccepted = 0;
    delivery_free(&t->delivery);
    over(t);
}
