/* The sessions: their lists, their limits, their end. */
#include "upstream/pool_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "upstream/credential.h"
#include "upstream/share.h"
#include "upstream/tally.h"

/* A session that needs longer to answer RSET does not deserve its slot. */
#define SETTLING_PATIENCE (10 * USEC_PER_SEC)

/* While others wait, a session is held for so long. A login costs several round trips. */
#define QUANTUM (10 * USEC_PER_SEC)
/* And one that rests, for so long. */
#define REST (1 * USEC_PER_SEC)

static const struct smtp_client_events idle_events;

const char *pool_key(const struct upstream_env *env, const char *identity)
{
    return identity && identity[0] ? identity : credential_user(env->credential);
}

static usec now_of(const struct pool *p)
{
    return loop_now(p->env->io->loop);
}

static void arm_upkeep(struct pool *p);

/* ---- lists ---- */

void warm_move(struct warm *s, enum warm_state state)
{
    struct pool *p = s->pool;
    if (!link_is_alone(&s->link)) {
        link_remove(&s->link);
        p->sessions[s->state].n--;
    }
    s->state = state;
    list_push_front(&p->sessions[state].list, &s->link);
    p->sessions[state].n++;
    if (state != SESSION_LEASED) {
        s->last_used = now_of(p);
        arm_upkeep(p);
    }
}

static void warm_destroy(void *arg)
{
    struct warm *s = arg;
    free(s->identity);
    free(s);
}

void warm_end(struct warm *s)
{
    struct pool *p = s->pool;
    if (!link_is_alone(&s->link)) {
        link_remove(&s->link);
        p->sessions[s->state].n--;
    }
    if (s->carrier)
        carrier_quit(&s->carrier);
    loop_free_later(p->env->io->loop, s, warm_destroy);
    /* A slot has become free. */
    pool_serve_later(p);
}

unsigned pool_sessions(const struct pool *p)
{
    unsigned n = 0;
    for (int i = 0; i < SESSION_STATES; i++)
        n += p->sessions[i].n;
    return n;
}

unsigned pool_limit(const struct pool *p)
{
    unsigned most = p->env->cfg->max_connections, limit = ladder_limit(p->ladder);
    return ceiling_limit(&p->ceiling, most < limit ? most : limit, now_of(p));
}

unsigned pool_room(const struct pool *p)
{
    return share_room(p->env->share, pool_sessions(p) + ladder_dialing(p->ladder), pool_limit(p));
}

void pool_note_full(struct pool *p, unsigned sessions, const char *words)
{
    bool is_new = !p->ceiling.sessions;
    ceiling_hit(&p->ceiling, sessions, now_of(p));
    log_event(p->env->io->log, is_new ? LOG_WARN : LOG_DEBUG,
              "the upstream takes no more sessions beside those that we have: messages wait for "
              "one of these",
              log_str("account", p->env->cfg->name), log_str("host", p->env->cfg->host),
              log_num("sessions", sessions), log_str("reply", words));
}

bool warm_is_worn(const struct warm *s)
{
    const struct pool *p = s->pool;
    const struct upstream_config *cfg = p->env->cfg;
    return (cfg->max_messages && s->completed >= cfg->max_messages) ||
           now_of(p) - s->opened >= cfg->max_age;
}

/* Knowledge about BDAT outlives its session, however that ends. It holds for the account's other
 * sessions with the same machine, too. */
void warm_learn(struct warm *s)
{
    struct pool *p = s->pool;
    uint64_t text = carrier_ehlo(s->carrier)->fingerprint;
    ladder_learn_chunking(p->ladder, s->rung, text, carrier_chunking(s->carrier));
    if (carrier_chunking(s->carrier) != CHUNKING_BROKEN)
        return;
    LIST_EACH (&p->sessions[SESSION_LEASED].list, it) {
        struct warm *other = CONTAINER(it, struct warm, link);
        if (other->carrier && other->rung == s->rung &&
            carrier_ehlo(other->carrier)->fingerprint == text)
            carrier_set_chunking(other->carrier, CHUNKING_BROKEN);
    }
}

/* ---- idle sessions ---- */

static void on_idle_lost(void *ctx, const struct smtp_client_failure *failure)
{
    struct warm *s = ctx;
    const struct pool *p = s->pool;
    warm_learn(s);
    /* The SMTP client frees itself. */
    s->carrier = NULL;
    log_event(p->env->io->log, LOG_DEBUG, "a resting session ended",
              log_str("account", p->env->cfg->name), log_num("port", s->rung->report->port.number),
              log_str("why", failure->err.words));
    warm_end(s);
}

static void on_idle_ready(void *ctx)
{
    struct warm *s = ctx;
    if (s->state == SESSION_SETTLING)
        pool_settle(s);
}

static const struct smtp_client_events idle_events = {.ready = on_idle_ready, .lost = on_idle_lost};

/* Ends a session for others: it was had for long enough while they wait, or there are too many.
 * Returns false if it may stay. */
static bool yield(struct warm *s)
{
    const struct pool *p = s->pool;
    struct share *share = p->env->share;
    bool is_theirs = share_is_contended(share) && now_of(p) - s->opened >= QUANTUM;
    if (!is_theirs && share_excess(share, pool_sessions(p)) == 0)
        return false;
    if (is_theirs)
        share_owe(share);
    warm_end(s);
    return true;
}

/* An idle session that others wait for goes when it has rested for a moment: a client that sends
 * one message after the other does not log in for each. Those that were not used for longest are
 * first. */
static void yield_rested(struct pool *p)
{
    struct link *head = &p->sessions[SESSION_IDLE].list;
    for (struct link *it = head->prev, *before; it != head; it = before) {
        struct warm *s = CONTAINER(it, struct warm, link);
        usec left = s->last_used + REST - now_of(p);
        before = it->prev;
        if (left > 0 && now_of(p) - s->opened < QUANTUM) {
            pool_serve_again_in(p, left);
            continue;
        }
        share_owe(p->env->share);
        warm_end(s);
    }
}

void pool_yield(struct pool *p)
{
    struct link *head = &p->sessions[SESSION_IDLE].list;
    unsigned many = share_excess(p->env->share, pool_sessions(p));
    for (; many > 0 && !link_is_alone(head); many--)
        warm_end(CONTAINER(head->prev, struct warm, link));
    if (share_is_contended(p->env->share))
        yield_rested(p);
}

void pool_settle(struct warm *s)
{
    struct pool *p = s->pool;
    carrier_set_owner(s->carrier, &idle_events, s);
    warm_learn(s);
    if (!carrier_is_idle(s->carrier)) {
        warm_move(s, SESSION_SETTLING);
        return;
    }
    if (p->retired || warm_is_worn(s)) {
        warm_end(s);
        return;
    }
    if (yield(s))
        return;
    warm_move(s, SESSION_IDLE);
    pool_serve_later(p);
}

static void count_lease(const struct pool *p, bool reused)
{
    if (!p->env->tally)
        return;
    p->env->tally->leases++;
    p->env->tally->leases_reused += reused;
}

struct warm *pool_take(struct pool *p, const char *identity, uint16_t avoid)
{
    LIST_EACH (&p->sessions[SESSION_IDLE].list, it) {
        struct warm *s = CONTAINER(it, struct warm, link);
        if (strcmp(s->identity, identity) != 0 || (avoid && s->rung->report->port.number == avoid))
            continue;
        s->rested = s->last_used < now_of(p);
        /* A fresh session is good whatever the limits are. Otherwise dialling would never end. */
        if (s->rested && (warm_is_worn(s) || !carrier_is_idle(s->carrier))) {
            warm_end(s);
            continue;
        }
        warm_move(s, SESSION_LEASED);
        count_lease(p, s->rested || s->completed > 0);
        if (s->rested)
            carrier_mark_pooled(s->carrier);
        carrier_set_chunking(
            s->carrier, ladder_chunking(p->ladder, s->rung, carrier_ehlo(s->carrier)->fingerprint));
        return s;
    }
    return NULL;
}

void pool_forget_rested(struct pool *p, usec until)
{
    LIST_EACH (&p->sessions[SESSION_IDLE].list, it) {
        struct warm *s = CONTAINER(it, struct warm, link);
        if (s->last_used <= until)
            warm_end(s);
    }
}

void pool_drop_idle(struct pool *p)
{
    ceiling_forget(&p->ceiling);
    pool_forget_rested(p, INT64_MAX);
}

void pool_make_room(struct pool *p, const char *identity)
{
    struct link *head = &p->sessions[SESSION_IDLE].list;
    if (pool_room(p) > 0 || (!share_is_stuck(p->env->share) &&
                             pool_sessions(p) + ladder_dialing(p->ladder) < pool_limit(p)))
        return;
    /* It is the session that rested longest. */
    for (struct link *it = head->prev; it != head; it = it->prev) {
        struct warm *s = CONTAINER(it, struct warm, link);
        if (strcmp(s->identity, identity) == 0)
            continue;
        warm_end(s);
        return;
    }
}

unsigned pool_settling(const struct pool *p, const char *identity, usec since)
{
    unsigned n = 0;
    LIST_EACH (&p->sessions[SESSION_SETTLING].list, it) {
        const struct warm *s = CONTAINER(it, struct warm, link);
        n += s->last_used > since && !warm_is_worn(s) && strcmp(s->identity, identity) == 0;
    }
    return n;
}

/* ---- upkeep on its own timer: the request path does no housekeeping ---- */

static usec end_of_rest(const struct warm *s)
{
    const struct upstream_config *cfg = s->pool->env->cfg;
    usec rest =
        s->last_used + (s->state == SESSION_SETTLING ? SETTLING_PATIENCE : cfg->idle_timeout);
    usec age = s->opened + cfg->max_age;
    return s->state == SESSION_IDLE && age < rest ? age : rest;
}

static void keep_up(struct pool *p, enum warm_state state)
{
    LIST_EACH (&p->sessions[state].list, it) {
        struct warm *s = CONTAINER(it, struct warm, link);
        if (end_of_rest(s) <= now_of(p))
            warm_end(s);
    }
}

static void on_upkeep(void *arg)
{
    struct pool *p = arg;
    keep_up(p, SESSION_IDLE);
    keep_up(p, SESSION_SETTLING);
    arm_upkeep(p);
}

static void arm_upkeep(struct pool *p)
{
    usec next = INT64_MAX;
    for (int state = 0; state < SESSION_STATES; state++) {
        if (state == SESSION_LEASED)
            continue;
        LIST_EACH (&p->sessions[state].list, it) {
            usec end = end_of_rest(CONTAINER(it, struct warm, link));
            next = end < next ? end : next;
        }
    }
    if (next == INT64_MAX)
        timer_stop(p->upkeep);
    else
        timer_arm(p->upkeep, next - now_of(p));
}

/* ---- what the ladder delivers ---- */

static void on_session(void *ctx, struct carrier *carrier, struct rung *rung, const char *identity)
{
    struct pool *p = ctx;
    struct warm *s = NEW(struct warm);
    s->pool = p;
    s->carrier = carrier;
    s->rung = rung;
    s->identity = mem_string(identity);
    s->opened = now_of(p);
    link_init(&s->link);
    carrier_set_owner(carrier, &idle_events, s);
    if (p->env->tally)
        p->env->tally->sessions++;
    warm_move(s, SESSION_IDLE);
    pool_serve_later(p);
}

void pool_hold_one(struct pool *p, struct carrier *carrier, struct rung *rung, const char *identity)
{
    p->holds_one = true;
    on_session(p, carrier, rung, pool_key(p->env, identity));
}

static bool on_full(void *ctx, const char *words)
{
    struct pool *p = ctx;
    if (pool_sessions(p) == 0)
        return share_note_full(p->env->share);
    pool_note_full(p, pool_sessions(p), words);
    return true;
}

static void on_changed(void *ctx)
{
    pool_serve_later(ctx);
}

static void on_no_detour(void *ctx, uint16_t port)
{
    struct pool *p = ctx;
    LIST_EACH (&p->waiting, it) {
        struct lease *lease = CONTAINER(it, struct lease, link);
        if (lease->avoid == port)
            lease_stop_avoiding(lease);
    }
    pool_serve_later(p);
}

static bool on_has_room(void *ctx)
{
    struct pool *p = ctx;
    bool has_room = pool_room(p) > 0;
    p->probing = !has_room && !share_is_stuck(p->env->share);
    /* The share hears of what is dialled, or wanted. */
    pool_serve_later(p);
    return has_room;
}

const struct ladder_events pool_ladder_events = {.session = on_session,
                                                 .changed = on_changed,
                                                 .no_detour = on_no_detour,
                                                 .full = on_full,
                                                 .has_room = on_has_room};

/* ---- life ---- */

struct pool *pool_new(struct upstream_env *env)
{
    struct pool *p = NEW(struct pool);
    p->env = env;
    for (int i = 0; i < SESSION_STATES; i++)
        link_init(&p->sessions[i].list);
    link_init(&p->waiting);
    link_init(&p->crowds);
    turns_init(p);
    deferred_init(&p->later, pool_serve, p);
    p->upkeep = timer_new(env->io->loop, on_upkeep, p);
    p->again = timer_new(env->io->loop, pool_serve, p);
    share_set_listener(env->share, on_changed, p);
    return p;
}

void pool_warm_later(struct pool *p, const char *identity)
{
    free(p->warming);
    p->warming = identity ? mem_string(identity) : NULL;
    if (identity)
        pool_serve_later(p);
}

void pool_set_ladder(struct pool *p, struct ladder *l)
{
    p->ladder = l;
}

void pool_retire(struct pool *p)
{
    p->retired = true;
    pool_drop_idle(p);
}

void pool_refuse_all(struct pool *p)
{
    p->gone = true;
    pool_serve_later(p);
}

void pool_free(struct pool **pool)
{
    struct pool *p = *pool;
    *pool = NULL;
    if (!p)
        return;
    for (int state = 0; state < SESSION_STATES; state++)
        LIST_EACH (&p->sessions[state].list, it)
            warm_end(CONTAINER(it, struct warm, link));
    share_set_listener(p->env->share, NULL, NULL);
    deferred_cancel(&p->later);
    free(p->warming);
    timer_free(&p->upkeep);
    timer_free(&p->again);
    free(p);
}

struct pool_counts pool_counts(const struct pool *p)
{
    return (struct pool_counts){
        .idle = p->sessions[SESSION_IDLE].n,
        .leased = p->sessions[SESSION_LEASED].n + p->sessions[SESSION_SETTLING].n,
        .dialing = ladder_dialing(p->ladder),
        .waiting = p->nwaiting,
    };
}
