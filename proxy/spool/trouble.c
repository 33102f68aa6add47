#include "spool/trouble.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "spool/spool_private.h"

#define LOOK_EVERY (10 * USEC_PER_SEC)
#define AGAIN_AFTER (3600 * USEC_PER_SEC)

enum { WORDS = 480 };

struct trouble {
    struct link link;
    enum spool_trouble_kind kind;
    char *account;
    char words[WORDS];
    int64_t since_ms;
    /* On the monotonic clock. 0 means never, because another part has written the line. */
    usec logged;
    bool lasts;
    /* From the last look: how many messages are too old, and the oldest of them. */
    size_t n;
    const struct spool_entry *oldest;
};

static struct trouble *find(struct spool *spool, enum spool_trouble_kind kind, const char *account)
{
    LIST_EACH (&spool->troubles, it) {
        struct trouble *t = CONTAINER(it, struct trouble, link);
        if (t->kind == kind && strcmp(t->account, account) == 0)
            return t;
    }
    struct trouble *t = NEW(struct trouble);
    t->kind = kind;
    t->account = mem_string(account);
    list_push_back(&spool->troubles, &t->link);
    return t;
}

static void forget(struct trouble *t)
{
    link_remove(&t->link);
    free(t->account);
    free(t);
}

/* The trouble began so long ago. */
static void note(struct spool *spool, struct trouble *t, usec ago)
{
    t->lasts = true;
    if (!t->since_ms)
        t->since_ms = loop_wall_ms(spool->io->loop) - ago / USEC_PER_MS;
}

/* ---- mail that waits for too long ---- */

static usec age_of(const struct spool *spool, const struct spool_entry *entry)
{
    return store_now(spool->store) - entry->since;
}

static void collect_old(struct spool *spool)
{
    usec limit = spool->options.alert_age;
    LIST_EACH (&store_index(spool->store)->lists[PLACE_QUEUE], it) {
        const struct spool_entry *entry = CONTAINER(it, struct spool_entry, link);
        /* A bounce that is held belongs to the message that it is about. */
        if (!limit || entry->is_gone || entry->is_held || age_of(spool, entry) < limit)
            continue;
        struct trouble *t = find(spool, SPOOL_TROUBLE_OLD, schedule_account_of(entry));
        t->n++;
        if (!t->oldest || entry->since < t->oldest->since)
            t->oldest = entry;
    }
}

static void say_old(struct spool *spool, struct trouble *t)
{
    struct spool_view view;
    usec now = loop_now(spool->io->loop), age = age_of(spool, t->oldest);
    spool_view_of(spool, t->oldest, &view);
    note(spool, t, age - spool->options.alert_age);
    snprintf(
        t->words, sizeof t->words,
        "kept mail of account %.64s waits for longer than alert_age: %zu message%s, the oldest "
        "for %" PRId64 " minutes%s%.240s; `smtp-detour spool list` shows %s",
        t->account, t->n, t->n == 1 ? "" : "s", (int64_t)(age / (60 * USEC_PER_SEC)),
        view.reason[0] ? ": " : "", view.reason, t->n == 1 ? "it" : "them");
    if (t->logged && now - t->logged < AGAIN_AFTER)
        return;
    t->logged = now;
    log_event(spool->io->log, LOG_ERROR, t->words, log_str("account", t->account),
              log_str("id", t->oldest->id), log_num("queued", age / USEC_PER_SEC),
              log_num("waiting", (int64_t)t->n));
}

/* ---- no room ---- */

static void look_at_room(struct spool *spool)
{
    enum store_no why = store_is_full(spool->store);
    if (why == STORE_TAKES)
        return;
    struct trouble *t = find(spool, SPOOL_TROUBLE_FULL, "");
    note(spool, t, 0);
    store_full_words(spool->store, why, t->words, sizeof t->words);
    /* The store itself has told the log at once. */
    if (why == STORE_NO_DISK || why == STORE_NO_TRUST || t->logged)
        return;
    t->logged = loop_now(spool->io->loop);
    log_say(spool->io->log, LOG_ERROR, "%s", t->words);
}

/* ---- damaged messages ---- */

static void look_at_corrupt(struct spool *spool)
{
    store_recount_corrupt(spool->store);
    size_t n = store_corrupt(spool->store);
    if (!n)
        return;
    struct trouble *t = find(spool, SPOOL_TROUBLE_CORRUPT, "");
    note(spool, t, 0);
    snprintf(t->words, sizeof t->words,
             "%zu damaged message%s in %.200s/corrupt, and will not be sent: save what can be "
             "read, then remove %s there",
             n, n == 1 ? " lies" : "s lie", store_directory(spool->store), n == 1 ? "it" : "them");
    if (t->logged)
        return;
    t->logged = loop_now(spool->io->loop);
    log_say(spool->io->log, LOG_ERROR, "%s", t->words);
}

/* ---- all of them ---- */

static void say_end(const struct spool *spool, const struct trouble *t)
{
    struct log *log = spool->io->log;
    if (!t->logged)
        return;
    switch (t->kind) {
    case SPOOL_TROUBLE_OLD:
        log_event(log, LOG_INFO, "no kept mail of this account waits for too long any more",
                  log_str("account", t->account));
        return;
    case SPOOL_TROUBLE_FULL: log_say(log, LOG_INFO, "the spool takes mail again"); return;
    case SPOOL_TROUBLE_CORRUPT:
        log_say(log, LOG_INFO, "no damaged message is left in corrupt/ of the spool");
        return;
    }
}

static void look(void *arg)
{
    struct spool *spool = arg;
    LIST_EACH (&spool->troubles, it) {
        struct trouble *t = CONTAINER(it, struct trouble, link);
        t->lasts = false;
        t->n = 0;
        t->oldest = NULL;
    }
    collect_old(spool);
    look_at_room(spool);
    look_at_corrupt(spool);
    LIST_EACH (&spool->troubles, it) {
        struct trouble *t = CONTAINER(it, struct trouble, link);
        if (t->oldest)
            say_old(spool, t);
        if (t->lasts)
            continue;
        say_end(spool, t);
        forget(t);
    }
    timer_arm(spool->trouble_timer, LOOK_EVERY);
}

void trouble_init(struct spool *spool)
{
    link_init(&spool->troubles);
    spool->trouble_timer = timer_new(spool->io->loop, look, spool);
}

void trouble_start(struct spool *spool)
{
    timer_arm(spool->trouble_timer, 0);
}

void trouble_stop(struct spool *spool)
{
    timer_stop(spool->trouble_timer);
}

void trouble_free(struct spool *spool)
{
    timer_free(&spool->trouble_timer);
    LIST_EACH (&spool->troubles, it)
        forget(CONTAINER(it, struct trouble, link));
}

void spool_troubles(const struct spool *spool,
                    void (*fn)(void *ctx, const struct spool_trouble *trouble), void *ctx)
{
    LIST_EACH (&spool->troubles, it) {
        const struct trouble *t = CONTAINER(it, struct trouble, link);
        fn(ctx,
           &(struct spool_trouble){
               .kind = t->kind, .account = t->account, .words = t->words, .since_ms = t->since_ms});
    }
}
