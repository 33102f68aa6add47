/* The order and the times of tries: the oldest message first, each account with its own width and
 * rest, each message with its own wait. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/loop.h"
#include "mail/route.h"
#include "spool/spool_private.h"

/* Messages that are only routed or given up take a descriptor and some memory each. */
enum { ROUTINGS_MAX = 4 };

/* How often ages are checked, and how often the ports of an account that rests. */
#define LOOK_EVERY (60 * USEC_PER_SEC)
#define LOOK_AT_RESTING (2 * USEC_PER_SEC)

static usec now_of(const struct spool *spool)
{
    return loop_now(spool->io->loop);
}

/* ------------------------------------------------------------------ waits */

static usec longer(struct spool *spool, usec wait)
{
    usec first = spool->options.retry_first, longest = spool->options.retry_longest;
    if (!wait)
        return first;
    return wait > longest / 2 ? longest : 2 * wait;
}

/* Varies the wait by 20 %, so that messages that failed together are not tried together. */
static usec scattered(struct spool *spool, usec wait)
{
    uint32_t chance;
    loop_random(spool->io->loop, &chance, sizeof chance);
    return wait * 8 / 10 + wait / 1000 * (usec)(chance % 401);
}

static enum standing standing_of(const struct spool *spool, const struct lane *lane)
{
    size_t upstream = rules_account(spool->rules, lane->name);
    return upstream == ROUTE_NONE ? STANDING_UNKNOWN
                                  : account_standing(spool->rules->delivery.accounts[upstream]);
}

/* The upstream has asked for the wait `at_least`. It is 0 if nobody asked for one. */
static void rest(struct spool *spool, struct lane *lane, const char *reason, usec at_least)
{
    lane->wait = longer(spool, lane->wait);
    usec wait = scattered(spool, lane->wait);
    lane->rests_until = now_of(spool) + (wait > at_least ? wait : at_least);
    lane->width = 1;
    lane->nput_off = 0;
    lane->standing = standing_of(spool, lane);
    snprintf(lane->reason, sizeof lane->reason, "%s", reason);
    log_event(spool->io->log, LOG_WARN, "the account's kept messages wait",
              log_str("account", lane->name), log_str("why", reason),
              log_usec("retry_in", lane->rests_until - now_of(spool)));
}

static void wake(struct lane *lane)
{
    lane->wait = lane->rests_until = 0;
    lane->nput_off = 0;
}

static void note_success(struct lane *lane)
{
    wake(lane);
    lane->was_tried = false;
    lane->reason[0] = '\0';
    lane->width = lane->width < lane->most / 2 ? 2 * lane->width : lane->most;
}

/* A message counts once, even if it is put off several times. */
static void note_put_off(struct spool *spool, struct lane *lane, const struct spool_entry *entry,
                         const char *reason)
{
    for (unsigned i = 0; i < lane->nput_off; i++)
        if (lane->put_off[i] == entry->sequence)
            return;
    lane->put_off[lane->nput_off++] = entry->sequence;
    if (lane->nput_off == LANE_PUT_OFFS)
        rest(spool, lane, reason, 0);
}

static void set_reason(struct errand *job, const char *reason)
{
    free(job->reason);
    job->reason = mem_string(reason);
}

void schedule_put_off(struct spool *spool, struct spool_entry *entry, usec wait, const char *reason)
{
    struct errand *job = schedule_job(spool, entry);
    job->waits_until = now_of(spool) + wait;
    set_reason(job, reason);
}

static void back_off(struct spool *spool, struct errand *job)
{
    job->wait = longer(spool, job->wait);
    job->waits_until = now_of(spool) + scattered(spool, job->wait);
}

void schedule_note(struct trial *t, const struct trial_end *end)
{
    struct spool *spool = t->spool;
    struct errand *job = schedule_job(spool, t->entry);
    struct lane *lane = t->lane;
    lane->tries[end->result]++;
    set_reason(job, end->reason);
    /* A failure under the old configuration is no reason to rest under the new one. */
    if (end->is_ours || (end->rests_account && t->rules != spool->rules)) {
        job->waits_until = now_of(spool) + USEC_PER_SEC;
        return;
    }
    job->was_tried = true;
    lane->was_tried = lane->was_tried || end->result == SPOOL_TRY_NO_SESSION;
    if (end->rests_account || end->wait) {
        rest(spool, lane, end->reason, end->wait);
        return;
    }
    switch (end->result) {
    case SPOOL_TRY_DELIVERED:
        note_success(lane);
        back_off(spool, job);
        break;
    case SPOOL_TRY_REFUSED: note_success(lane); break;
    case SPOOL_TRY_DEFERRED:
    case SPOOL_TRY_UNKNOWN:
        back_off(spool, job);
        note_put_off(spool, lane, t->entry, end->reason);
        break;
    case SPOOL_TRY_NO_SESSION:
    case SPOOL_TRY_COUNT: break;
    }
}

/* ------------------------------------------------------------------ accounts and messages */

struct lane *schedule_lane(const struct spool *spool, const char *name)
{
    struct lane *lane = spool->lanes;
    while (lane && strcmp(lane->name, name) != 0)
        lane = lane->next;
    return lane;
}

static struct lane *add_lane(struct spool *spool, const char *name)
{
    struct lane *lane = NEW(struct lane);
    lane->name = mem_string(name);
    lane->next = spool->lanes;
    spool->lanes = lane;
    return lane;
}

/* The lane of an account that is gone stays for tries in progress and takes no more messages. */
struct lane *schedule_open_lane(const struct spool *spool, const char *account)
{
    struct lane *lane = schedule_lane(spool, account);
    return lane && lane->most ? lane : NULL;
}

struct errand *schedule_job(struct spool *spool, struct spool_entry *entry)
{
    struct errand *job = entry->user;
    if (job)
        return job;
    job = NEW(struct errand);
    entry->user = job;
    job->lane = schedule_open_lane(spool, entry->account);
    /* It may have arrived a moment ago, so it is not sent again at once. */
    if (entry->unknown && entry->tries == 0)
        back_off(spool, job);
    return job;
}

const char *schedule_account_of(const struct spool_entry *entry)
{
    const struct errand *job = entry->user;
    return job && job->lane ? job->lane->name : entry->account;
}

void schedule_forget(struct spool_entry *entry)
{
    struct errand *job = entry->user;
    entry->user = NULL;
    if (!job)
        return;
    free(job->reason);
    free(job);
}

void schedule_reload(struct spool *spool)
{
    const struct config *config = spool->rules->delivery.config;
    for (struct lane *lane = spool->lanes; lane; lane = lane->next)
        lane->most = 0;
    for (size_t i = 0; i < config->nupstreams; i++) {
        const struct upstream_config *u = &config->upstreams[i];
        struct lane *lane = schedule_lane(spool, u->name);
        if (!lane)
            lane = add_lane(spool, u->name);
        lane->most = u->max_connections > 1 ? u->max_connections / 2 : 1;
        lane->width = 1;
        wake(lane);
    }
    LIST_EACH (&store_index(spool->store)->lists[PLACE_QUEUE], it) {
        struct spool_entry *entry = CONTAINER(it, struct spool_entry, link);
        struct errand *job = schedule_job(spool, entry);
        job->lane = schedule_open_lane(spool, entry->account);
        job->is_held = false;
        if (!entry->unknown || entry->tries)
            job->wait = job->waits_until = 0;
    }
    schedule_later(spool);
}

void schedule_awake(struct spool *spool, const char *account)
{
    for (struct lane *lane = spool->lanes; lane; lane = lane->next)
        if (!account || strcmp(lane->name, account) == 0)
            wake(lane);
    schedule_later(spool);
}

/* ------------------------------------------------------------------ whose turn it is */

bool schedule_is_too_old(const struct spool *spool, const struct spool_entry *entry)
{
    const struct errand *job = entry->user;
    if (store_now(spool->store) - entry->since < spool->options.store.max_age || !job)
        return false;
    /* It had one try since the start: its own, or another one that showed that its account has no
     * session. */
    return job->was_tried || job->is_held ||
           (job->lane && job->lane->was_tried && job->lane->wait > 0);
}

/* Nothing more can be sent of it, so it is given up. */
static bool is_over(const struct spool *spool, const struct spool_entry *entry)
{
    return schedule_is_too_old(spool, entry) || entry->refused > 0 ||
           entry->unknown >= spool->options.max_unknown;
}

static bool may_wait(usec until, usec now, usec *next)
{
    if (until <= now)
        return false;
    if (until < *next)
        *next = until;
    return true;
}

static void consider(struct spool *spool, struct spool_entry *entry, usec now, usec *next)
{
    struct errand *job = schedule_job(spool, entry);
    struct lane *lane = job->lane;
    if (entry->is_busy || entry->is_held || entry->is_gone || job->is_sending ||
        entry->waiting + entry->refused == 0)
        return;
    if (!job->is_wanted && may_wait(job->waits_until, now, next))
        return;
    if (is_over(spool, entry) || !lane) {
        if (spool->nroutings < ROUTINGS_MAX && (!job->is_held || is_over(spool, entry)))
            trial_begin(spool, entry, NULL);
        return;
    }
    if (!job->is_wanted && may_wait(lane->rests_until, now, next))
        return;
    if (lane->running >= (job->is_wanted ? lane->most : lane->width))
        return;
    job->is_wanted = false;
    trial_begin(spool, entry, lane);
}

/* A port that works again, or a login that is worth trying again, ends a rest. */
static bool look_at_resting(struct spool *spool, usec now)
{
    bool any = false;
    for (struct lane *lane = spool->lanes; lane; lane = lane->next) {
        if (lane->rests_until <= now)
            continue;
        enum standing standing = standing_of(spool, lane);
        if (standing != lane->standing &&
            (standing == STANDING_WORKS || lane->standing == STANDING_AUTH_REFUSED))
            wake(lane);
        lane->standing = standing;
        any = any || lane->rests_until > now;
    }
    return any;
}

static void check_drained(struct spool *spool)
{
    void (*drained)(void *ctx) = spool->drained;
    if (spool->ntrials == 0 && store_is_idle(spool->store) && drained) {
        spool->drained = NULL;
        drained(spool->ctx);
    } else if (drained) {
        timer_arm(spool->timer, 20 * USEC_PER_MS);
    }
}

static void look(void *arg)
{
    struct spool *spool = arg;
    usec now = now_of(spool);
    if (spool->is_draining) {
        check_drained(spool);
        return;
    }
    if (!spool->is_started || !spool->rules)
        return;
    usec next = now + (look_at_resting(spool, now) ? LOOK_AT_RESTING : LOOK_EVERY);
    LIST_EACH (&store_index(spool->store)->lists[PLACE_QUEUE], it)
        consider(spool, CONTAINER(it, struct spool_entry, link), now, &next);
    if (store_index(spool->store)->counts[PLACE_QUEUE])
        timer_arm(spool->timer, next - now);
}

void schedule_later(struct spool *spool)
{
    loop_defer(spool->io->loop, &spool->later);
}

void schedule_init(struct spool *spool)
{
    spool->timer = timer_new(spool->io->loop, look, spool);
    deferred_init(&spool->later, look, spool);
}

static void forget_all(struct spool *spool, enum spool_place place)
{
    LIST_EACH (&store_index(spool->store)->lists[place], it)
        schedule_forget(CONTAINER(it, struct spool_entry, link));
}

void schedule_free(struct spool *spool)
{
    deferred_cancel(&spool->later);
    timer_free(&spool->timer);
    forget_all(spool, PLACE_QUEUE);
    forget_all(spool, PLACE_FAILED);
    while (spool->lanes) {
        struct lane *lane = spool->lanes;
        spool->lanes = lane->next;
        free(lane->name);
        free(lane);
    }
}
