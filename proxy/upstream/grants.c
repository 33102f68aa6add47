#include "upstream/grants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "base/window.h"
#include "io/loop.h"
#include "upstream/phrase.h"
#include "upstream/scripts.h"

/* An engine that came back, or was emptied, is found again by all within this time. */
#define SETTLE (2 * USEC_PER_SEC)

/* A place that waits longer for its message is asked for anew: the provider counts when it
 * comes. */
#define FRESH (2 * USEC_PER_SEC)

/* Places asked for, or told of, in one question. */
enum { BATCH = 256 };

/* A place in the rate: its number in the engine, and when it was granted. */
struct granted {
    uint64_t member;
    usec at;
};

struct granted_list {
    struct granted *items;
    size_t n, size;
};

struct grants {
    struct cluster_seat seat;
    struct rate_limit limit;
    char key[96], epoch_key[64];
    void (*changed)(void *ctx);
    void *ctx;
    /* Granted and not used; used in the last period, oldest first; and those that go back. */
    struct granted_list ready, used, back;
    /* The numbers of the question under way. */
    struct granted asked[BATCH];
    size_t nasked, nback;
    unsigned waiting;
    /* The loop time of the next place, 0: not known; and until which everybody tells an engine that
     * came back what was sent without it. */
    usec next, settled;
    /* What went through this instance, for its part by itself. */
    struct window window;
    /* How many of `used` the engine was not told again since it came back. */
    size_t untold;
    struct engine_question *question;
    struct timer *later;
};

static struct cluster *cluster_of(const struct grants *g)
{
    return g->seat.cluster;
}

static usec now_of(const struct grants *g)
{
    return cluster_now(cluster_of(g));
}

/* ---- lists of places ---- */

static void granted_add(struct granted_list *list, struct granted p)
{
    if (list->n == list->size) {
        list->size = list->size ? 2 * list->size : 16;
        list->items = mem_resize(list->items, list->size * sizeof *list->items);
    }
    list->items[list->n++] = p;
}

static void granted_drop_first(struct granted_list *list, size_t n)
{
    if (!n)
        return;
    list->n -= n;
    memmove(list->items, list->items + n, list->n * sizeof *list->items);
}

/* What is older than the period does not count any more, wherever it is told. */
static void forget_old(struct grants *g)
{
    size_t n = 0;
    while (n < g->used.n && now_of(g) - g->used.items[n].at >= g->limit.period)
        n++;
    if (!n)
        return;
    granted_drop_first(&g->used, n);
    if (g->untold > g->used.n)
        g->untold = g->used.n;
    /* It may not know of what it has granted and nobody has used. */
    for (size_t i = 0; i < g->ready.n; i++)
        granted_add(&g->back, g->ready.items[i]);
    g->ready.n = 0;
}

/* So long an engine that is new, or was emptied, is told first what was granted. */
static usec settle_time(const struct grants *g)
{
    const struct cluster *c = cluster_of(g);
    return cluster_known(c) > 1 ? SETTLE : cluster_config(c)->timeout;
}

/* ---- together or by itself ---- */

static bool is_shared(const struct grants *g)
{
    return cluster_is_up(cluster_of(g)) && g->limit.messages <= CAP_CLUSTER_RATE;
}

/* The oldest are first. */
static void give_back_stale(struct grants *g)
{
    while (g->ready.n && now_of(g) - g->ready.items[0].at > FRESH) {
        granted_add(&g->back, g->ready.items[0]);
        granted_drop_first(&g->ready, 1);
    }
}

static usec wait_alone(struct grants *g)
{
    if (cluster_is_starting(cluster_of(g)))
        return cluster_config(cluster_of(g))->timeout;
    return window_wait(&g->window, cluster_part(cluster_of(g), g->limit.messages), g->limit.period,
                       now_of(g));
}

usec grants_wait(struct grants *g)
{
    usec now = now_of(g);
    if (!g->limit.messages)
        return 0;
    if (!is_shared(g))
        return wait_alone(g);
    give_back_stale(g);
    if (g->ready.n)
        return 0;
    if (g->settled > now)
        return g->settled - now;
    return g->next > now ? g->next - now : cluster_config(cluster_of(g))->timeout;
}

bool grants_are_used_up(struct grants *g)
{
    if (!g->limit.messages)
        return false;
    return is_shared(g) ? !g->ready.n && g->next > now_of(g) : wait_alone(g) > 0;
}

/* ---- the question ---- */

static void ask(struct grants *g);

static void on_answer(void *ctx, enum engine_state how, const struct engine_value *value)
{
    struct grants *g = ctx;
    g->question = NULL;
    if (how == ENGINE_UP && value && value->kind == ENGINE_ARRAY && value->n >= 2) {
        size_t granted = value->items[0].number > 0 ? (size_t)value->items[0].number : 0;
        usec wait = value->items[1].number * USEC_PER_MS;
        granted_drop_first(&g->back, g->nback);
        for (size_t i = 0; i < granted && i < g->nasked; i++)
            granted_add(&g->ready, g->asked[i]);
        g->next = granted < g->nasked && wait > 0 ? now_of(g) + wait : 0;
        g->nasked = g->nback = 0;
        if (granted)
            g->changed(g->ctx);
        if (g->next && g->waiting > g->ready.n)
            timer_arm(g->later, g->next - now_of(g));
        ask(g);
        return;
    }
    /* It may have been granted all the same. */
    for (size_t i = 0; i < g->nasked; i++)
        granted_add(&g->back, g->asked[i]);
    g->nasked = g->nback = 0;
}

/* Fills args with what goes back, what is told again and what is wanted. Returns how many of the
 * last there are. */
static size_t fill(struct grants *g, size_t wanted, struct slice *args, size_t *n,
                   char (*names)[CLUSTER_MEMBER], char (*ages)[24])
{
    struct cluster *c = cluster_of(g);
    size_t named = 0, told = g->untold < BATCH ? g->untold : BATCH;
    g->nback = g->back.n < BATCH ? g->back.n : BATCH;
    args[(*n)++] = phrase_number((int64_t)g->nback, ages[BATCH]);
    args[(*n)++] = phrase_number((int64_t)told, ages[BATCH + 1]);
    for (size_t i = 0; i < g->nback; i++)
        args[(*n)++] = cluster_member(c, g->back.items[i].member, names[named++]);
    for (size_t i = 0; i < told; i++) {
        const struct granted *p = &g->used.items[g->used.n - g->untold + i];
        args[(*n)++] = cluster_member(c, p->member, names[named++]);
        args[(*n)++] = phrase_number((now_of(g) - p->at) / USEC_PER_MS, ages[i]);
    }
    g->untold -= told;
    for (g->nasked = 0; g->nasked < wanted && g->nasked < BATCH; g->nasked++) {
        g->asked[g->nasked] = (struct granted){.member = cluster_next(c), .at = now_of(g)};
        args[(*n)++] = cluster_member(c, g->asked[g->nasked].member, names[named++]);
    }
    return g->nasked;
}

static void ask(struct grants *g)
{
    forget_old(g);
    give_back_stale(g);
    size_t wanted = g->waiting > g->ready.n ? g->waiting - g->ready.n : 0;
    if (g->next > now_of(g) || g->settled > now_of(g))
        wanted = 0;
    if (g->question || !is_shared(g) || (!wanted && !g->back.n && !g->untold))
        return;
    char numbers[3][24], (*names)[CLUSTER_MEMBER] = mem_alloc(3 * BATCH * sizeof *names),
                         (*ages)[24] = mem_alloc((BATCH + 2) * sizeof *ages);
    const struct slice keys[] = {slice_of(g->key), slice_of(g->epoch_key)};
    struct slice *args = mem_alloc((4 * BATCH + 5) * sizeof *args);
    size_t n = 0;
    args[n++] = phrase_number(g->limit.messages, numbers[0]);
    args[n++] = phrase_number(g->limit.period / USEC_PER_MS, numbers[1]);
    args[n++] = phrase_number(settle_time(g) / USEC_PER_MS, numbers[2]);
    (void)fill(g, wanted, args, &n, names, ages);
    g->question =
        cluster_ask(cluster_of(g),
                    &(struct engine_call){
                        .script = &script_rate, .keys = keys, .nkeys = 2, .args = args, .nargs = n},
                    on_answer, g);
    free(args);
    free(names);
    free(ages);
}

void grants_wish(struct grants *g, unsigned waiting)
{
    if (!g->limit.messages)
        return;
    g->waiting = waiting;
    /* Another instance may need what nobody here waits for any more. */
    while (g->ready.n > waiting)
        granted_add(&g->back, g->ready.items[--g->ready.n]);
    ask(g);
}

/* ---- places ---- */

usec grants_take(struct grants *g)
{
    usec now = now_of(g);
    struct granted p = {.member = 0, .at = now};
    if (!g->limit.messages)
        return now;
    (void)window_take(&g->window, g->limit.messages, g->limit.period, now);
    if (g->limit.messages > CAP_CLUSTER_RATE)
        return now;
    if (g->ready.n) {
        p.member = g->ready.items[0].member;
        granted_drop_first(&g->ready, 1);
        /* The untold ones are the last: this one is told twice, which changes nothing. */
        g->untold += g->untold > 0;
    } else {
        /* By itself: the engine is told when it is back. */
        p.member = cluster_next(cluster_of(g));
        g->untold++;
    }
    forget_old(g);
    granted_add(&g->used, p);
    if (g->untold > g->used.n)
        g->untold = g->used.n;
    return now;
}

void grants_give_back(struct grants *g, usec stamp)
{
    if (!g->limit.messages)
        return;
    window_give_back(&g->window, stamp, now_of(g));
    for (size_t i = g->used.n; i-- > 0;) {
        if (g->used.items[i].at != stamp)
            continue;
        granted_add(&g->back, g->used.items[i]);
        memmove(&g->used.items[i], &g->used.items[i + 1],
                (g->used.n - i - 1) * sizeof *g->used.items);
        g->used.n--;
        if (g->untold > g->used.n)
            g->untold = g->used.n;
        break;
    }
    g->next = 0;
    ask(g);
}

/* ---- what the cluster says ---- */

static void on_state(void *ctx)
{
    struct grants *g = ctx;
    struct cluster *c = cluster_of(g);
    forget_old(g);
    /* Said at every heartbeat it would be much; it changes nothing but where it is missing. */
    if (cluster_was_emptied(c)) {
        usec patience = settle_time(g);
        g->untold = g->used.n;
        g->settled = now_of(g) + patience;
        timer_arm(g->later, patience);
    }
    ask(g);
}

static void on_changed(void *ctx)
{
    struct grants *g = ctx;
    g->next = 0;
    g->changed(g->ctx);
}

static const struct cluster_seat_events seat_events = {.state = on_state, .changed = on_changed};

static void on_later(void *arg)
{
    struct grants *g = arg;
    g->next = 0;
    ask(g);
}

struct grants *grants_new(struct cluster *c, const char *id, const struct rate_limit *rate,
                          void (*changed)(void *ctx), void *ctx)
{
    struct grants *g = NEW(struct grants);
    g->limit = *rate;
    g->changed = changed;
    g->ctx = ctx;
    snprintf(g->key, sizeof g->key, CLUSTER_PREFIX "{%s}:rate:%u/%lldms", id, rate->messages,
             (long long)(rate->period / USEC_PER_MS));
    snprintf(g->epoch_key, sizeof g->epoch_key, CLUSTER_PREFIX "{%s}:epoch", id);
    g->later = timer_new(cluster_loop(c), on_later, g);
    cluster_sit(c, &g->seat, id, &seat_events, g);
    return g;
}

void grants_free(struct grants **grants)
{
    struct grants *g = *grants;
    *grants = NULL;
    if (!g)
        return;
    cluster_cancel(cluster_of(g), &g->question);
    timer_free(&g->later);
    cluster_rise(&g->seat);
    free(g->ready.items);
    free(g->used.items);
    free(g->back.items);
    free(g);
}
