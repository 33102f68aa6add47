/* The room's face: life, waking, what is told and what an administrator does. */
#include "spool/spool.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/loop.h"
#include "spool/spool_private.h"

/* ------------------------------------------------------------------ life */

static void on_ready(void *ctx, struct spool_entry *entry)
{
    struct spool *spool = ctx;
    struct errand *job = schedule_job(spool, entry);
    /* A failed message that waits again is treated as a new one. */
    if (job->was_tried) {
        job->was_tried = false;
        job->wait = job->waits_until = 0;
    }
    schedule_later(spool);
}

static void on_gone(void *ctx, struct spool_entry *entry)
{
    trial_forget(ctx, entry);
    schedule_forget(entry);
}

static void forget_addresses(struct spool *spool)
{
    for (size_t i = 0; i < spool->bounce_addresses.n; i++)
        free(spool->bounce_addresses.items[i]);
    free(spool->bounce_addresses.items);
    spool->bounce_addresses = (struct strings){0};
}

static void keep_options(struct spool *spool, const struct spool_options *options)
{
    const struct strings *from = &options->bounce_addresses;
    struct strings kept = {.items = mem_alloc((from->n + 1) * sizeof *from->items), .n = from->n};
    for (size_t i = 0; i < from->n; i++)
        kept.items[i] = mem_string(from->items[i]);
    forget_addresses(spool);
    spool->options = *options;
    spool->options.store.directory = NULL;
    spool->options.bounce_addresses = spool->bounce_addresses = kept;
}

struct spool *spool_new(const struct io *io, const struct spool_options *options, struct err *err)
{
    struct store *store = store_open(io, &options->store, err);
    if (!store)
        return NULL;
    struct spool *spool = NEW(struct spool);
    spool->io = io;
    spool->store = store;
    link_init(&spool->trials);
    keep_options(spool, options);
    schedule_init(spool);
    trouble_init(spool);
    store_set_watch(store, &(struct store_watch){.ready = on_ready, .gone = on_gone, .ctx = spool});
    return spool;
}

void spool_reload(struct spool *spool, const struct spool_options *options, struct config *config,
                  struct accounts *accounts, const struct names *names)
{
    struct rules *old = spool->rules;
    keep_options(spool, options);
    store_set(spool->store, &spool->options.store);
    spool->rules = rules_new(spool->io, &spool->budget, config, accounts, names);
    rules_unref(&old);
    schedule_reload(spool);
}

int spool_start(struct spool *spool, struct err *err)
{
    if (store_start(spool->store, err) < 0)
        return -1;
    spool->is_started = true;
    schedule_later(spool);
    trouble_start(spool);
    return 0;
}

void spool_drain(struct spool *spool, void (*drained)(void *ctx), void *ctx)
{
    spool->is_draining = true;
    trouble_stop(spool);
    spool->drained = drained;
    spool->ctx = ctx;
    LIST_EACH (&spool->trials, it)
        trial_drain(CONTAINER(it, struct trial, link));
    store_note_clock(spool->store);
    schedule_later(spool);
}

void spool_free(struct spool **spool_p)
{
    struct spool *spool = *spool_p;
    *spool_p = NULL;
    if (!spool)
        return;
    LIST_EACH (&spool->trials, it)
        trial_abandon(CONTAINER(it, struct trial, link));
    schedule_free(spool);
    trouble_free(spool);
    store_set_watch(spool->store, &(struct store_watch){0});
    store_close(&spool->store);
    rules_unref(&spool->rules);
    forget_addresses(spool);
    free(spool);
}

void spool_awake(struct spool *spool, const char *account)
{
    schedule_awake(spool, account);
}

struct store *spool_store(struct spool *spool)
{
    return spool->store;
}

const struct spool_options *spool_options_of(const struct spool *spool)
{
    return &spool->options;
}

/* ------------------------------------------------------------------ what is told */

const char *spool_state_name(enum spool_state state)
{
    static const char *const names[] = {"waiting", "sending", "held", "failed"};
    return names[state];
}

const char *spool_try_name(enum spool_try result)
{
    static const char *const names[] = {"delivered", "deferred", "refused", "unknown",
                                        "no_session"};
    return names[result];
}

/* Converts the monotonic clock to the virtual one. */
static usec virtual_time(const struct spool *spool, usec at)
{
    usec now = loop_now(spool->io->loop);
    return at > now ? store_now(spool->store) + (at - now) : 0;
}

void spool_view_of(const struct spool *spool, const struct spool_entry *entry,
                   struct spool_view *view_r)
{
    const struct errand *job = entry->user;
    const struct lane *lane = job ? job->lane : NULL;
    *view_r = (struct spool_view){.state = SPOOL_WAITING, .reason = ""};
    if (entry->place == PLACE_FAILED)
        view_r->state = SPOOL_FAILED;
    else if (job && job->is_sending && lane)
        view_r->state = SPOOL_SENDING;
    else if (job && job->is_held)
        view_r->state = SPOOL_HELD;
    if (lane)
        view_r->account = lane->name;
    if (view_r->state == SPOOL_HELD)
        view_r->reason = "its account is gone, and no other takes it";
    else if (job && job->reason)
        view_r->reason = job->reason;
    /* The reason why its account rests now is not the reason why it failed. */
    else if (view_r->state == SPOOL_FAILED)
        view_r->reason = entry->reason ? entry->reason : "";
    else if (lane)
        view_r->reason = lane->reason;
    if (view_r->state == SPOOL_WAITING && job) {
        usec at =
            lane && lane->rests_until > job->waits_until ? lane->rests_until : job->waits_until;
        view_r->next = virtual_time(spool, at);
    }
}

/* ------------------------------------------------------------------ what an administrator does */

static bool is_being_sent(const struct spool_entry *entry, struct err *err)
{
    const struct errand *job = entry->user;
    if (!entry->is_busy && !(job && job->is_sending))
        return false;
    err_set(err, ERR_IN_USE, "%s is being sent just now", entry->id);
    return true;
}

void spool_retry(struct spool *spool, struct spool_entry *entry, store_done *fn, void *arg)
{
    struct err err;
    if (is_being_sent(entry, &err)) {
        fn(arg, &err);
        return;
    }
    struct errand *job = schedule_job(spool, entry);
    job->is_wanted = true;
    job->is_held = false;
    /* Its account is gone since it failed, so it is routed again. */
    if (job->lane && !job->lane->most)
        job->lane = NULL;
    job->waits_until = 0;
    schedule_later(spool);
    if (entry->place == PLACE_FAILED)
        store_retry(spool->store, entry, fn, arg);
    else
        fn(arg, NULL);
}

size_t spool_retry_all(struct spool *spool, const char *account)
{
    size_t n = 0;
    LIST_EACH (&store_index(spool->store)->lists[PLACE_QUEUE], it) {
        struct spool_entry *entry = CONTAINER(it, struct spool_entry, link);
        struct errand *job = schedule_job(spool, entry);
        if (account && strcmp(schedule_account_of(entry), account) != 0)
            continue;
        job->is_held = false;
        job->waits_until = 0;
        n++;
    }
    schedule_awake(spool, account);
    return n;
}

void spool_remove(struct spool *spool, struct spool_entry *entry, store_done *fn, void *arg)
{
    struct err err;
    if (is_being_sent(entry, &err))
        fn(arg, &err);
    else
        store_remove(spool->store, entry, fn, arg);
}
