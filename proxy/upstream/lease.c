/* Leases: which of them wait for a session and in which order, and which have one. */
#include "upstream/pool_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "upstream/credential.h"
#include "upstream/share.h"

/* ---- the end of a lease ---- */

/* The account, and the pool with it, may be freed with its last lease. Nothing of either is touched
 * afterwards. */
static void lease_free(struct lease *lease)
{
    struct upstream_env *env = lease->pool->env;
    turns_leave(lease);
    timer_free(&lease->timer);
    free(lease->identity);
    free(lease);
    env_release(env);
}

void lease_stop_avoiding(struct lease *lease)
{
    if (lease->avoid && lease->crowd)
        lease->pool->navoiding--;
    lease->avoid = 0;
}

static struct crowd *crowd_of(struct pool *p, const char *identity)
{
    LIST_EACH (&p->crowds, it) {
        struct crowd *crowd = CONTAINER(it, struct crowd, link);
        if (strcmp(crowd->identity, identity) == 0)
            return crowd;
    }
    struct crowd *crowd = NEW(struct crowd);
    crowd->identity = mem_string(identity);
    list_push_back(&p->crowds, &crowd->link);
    return crowd;
}

static void start_waiting(struct lease *lease, bool first)
{
    struct pool *p = lease->pool;
    lease->crowd = crowd_of(p, lease->identity);
    lease->crowd->n++;
    if (first)
        list_push_front(&p->waiting, &lease->link);
    else
        list_push_back(&p->waiting, &lease->link);
    p->nwaiting++;
    p->navoiding += lease->avoid != 0;
    turns_count_waiting(lease, true);
}

static void stop_waiting(struct lease *lease)
{
    struct crowd *crowd = lease->crowd;
    if (!crowd)
        return;
    lease_stop_avoiding(lease);
    turns_count_waiting(lease, false);
    link_remove(&lease->link);
    lease->pool->nwaiting--;
    lease->crowd = NULL;
    if (--crowd->n > 0)
        return;
    link_remove(&crowd->link);
    free(crowd->identity);
    free(crowd);
}

static void refuse(struct lease *lease, enum refusal why, const char *words)
{
    stop_waiting(lease);
    lease->events->refused(lease->ctx, why, words);
    lease_free(lease);
}

static struct lease *first_asked_until(struct pool *p, usec until)
{
    LIST_EACH (&p->waiting, it) {
        struct lease *lease = CONTAINER(it, struct lease, link);
        if (lease->asked <= until)
            return lease;
    }
    return NULL;
}

/* Refuses the leases that began to wait before `until`, and no more than wait now: a lease that is
 * asked for inside the event is answered in the next turn. */
static void refuse_waiting(struct pool *p, usec until, enum refusal why, const char *words)
{
    struct lease *lease;
    for (unsigned n = p->nwaiting; n > 0 && (lease = first_asked_until(p, until)); n--)
        refuse(lease, why, words);
}

/* ---- serving ---- */

void pool_serve_later(struct pool *p)
{
    loop_defer(p->env->io->loop, &p->later);
}

void pool_serve_again_in(struct pool *p, usec wait)
{
    if (!timer_is_armed(p->again) || timer_left(p->again) > wait)
        timer_arm(p->again, wait);
}

static void grant(struct lease *lease, struct warm *s)
{
    stop_waiting(lease);
    s->granted = share_rate_take(lease->pool->env->share);
    timer_free(&lease->timer);
    lease->session = s;
    s->lease = lease;
    turns_count_held(lease, true);
    lease->events->acquired(lease->ctx, lease);
}

/* A settling session becomes free within a round trip, which is sooner than a new one. One whose
 * answer is overdue does not count. */
static unsigned count_missing(struct pool *p, const struct crowd *crowd)
{
    usec patience = p->env->cfg->port_patience;
    unsigned waiting = crowd->n,
             coming = pool_settling(p, crowd->identity, loop_now(p->env->io->loop) - patience);
    if (coming)
        pool_serve_again_in(p, patience);
    return waiting > coming ? waiting - coming : 0;
}

/* The first lease in the queue finds no session under its identity and no slot. An idle session of
 * another identity is closed. Otherwise the leases behind would pass it on among themselves for
 * ever. */
static void make_room_for_first(struct pool *p, const struct lease *lease)
{
    enum refusal why;
    char words[8];
    if (!ladder_is_dialing_for(p->ladder, lease->identity) &&
        !ladder_is_closed(p->ladder, lease->identity, &why, words, sizeof words) &&
        count_missing(p, lease->crowd) > 0)
        pool_make_room(p, lease->identity);
}

/* Serves the first lease that can be served. The event may change everything, so the search starts
 * again after each. */
static bool serve_one(struct pool *p)
{
    const struct crowd *nothing_for = NULL;
    bool is_first = true;
    if (!p->sessions[SESSION_IDLE].n || share_rate_wait(p->env->share) > 0)
        return false;
    LIST_EACH (&p->waiting, it) {
        struct lease *lease = CONTAINER(it, struct lease, link);
        if (nothing_for && nothing_for->n == p->nwaiting)
            return false;
        if (nothing_for == lease->crowd || turns_lets_pass(lease))
            continue;
        /* Without a free slot for dialling another port, the port to be avoided is better than
         * none. */
        struct warm *s = pool_take(p, lease->identity, pool_room(p) > 0 ? lease->avoid : 0);
        if (s) {
            grant(lease, s);
            return true;
        }
        if (is_first)
            make_room_for_first(p, lease);
        is_first = false;
        if (!lease->avoid)
            nothing_for = lease->crowd;
    }
    return false;
}

static void ask_for(struct pool *p, struct lease *lease)
{
    pool_make_room(p, lease->identity);
    unsigned room = pool_room(p);
    if (!lease->avoid || !ladder_works_on(p->ladder, lease->avoid)) {
        ladder_supply(p->ladder, lease->identity, count_missing(p, lease->crowd), room);
        p->missing += count_missing(p, lease->crowd);
    } else if (room > 0) {
        ladder_detour(p->ladder, lease->identity, lease->avoid);
    } else {
        /* Another port was only preferred, but a session is needed. */
        p->missing++;
        lease_stop_avoiding(lease);
        pool_serve_later(p);
    }
}

/* Somebody whose own login was refused a while ago, or who gets no token; NULL: nobody is. */
static struct lease *first_resting(struct pool *p)
{
    LIST_EACH (&p->crowds, it) {
        const struct crowd *crowd = CONTAINER(it, struct crowd, link);
        if (!ladder_rests(p->ladder, crowd->identity))
            continue;
        LIST_EACH (&p->waiting, at) {
            struct lease *lease = CONTAINER(at, struct lease, link);
            if (lease->crowd == crowd)
                return lease;
        }
    }
    return NULL;
}

static void refuse_resting(struct pool *p)
{
    struct lease *lease;
    char words[512];
    for (unsigned n = p->nwaiting; n > 0 && (lease = first_resting(p)); n--)
        refuse(lease, ladder_reason(p->ladder, lease->identity, words, sizeof words), words);
}

static void ask_ladder(struct pool *p)
{
    const struct crowd *asked_for = NULL;
    enum refusal why;
    char words[512];
    if (ladder_is_closed(p->ladder, NULL, &why, words, sizeof words)) {
        /* An upstream that has enough of us still serves the sessions it let in: they will come
         * free. */
        if (why == REFUSAL_CREDENTIALS || why == REFUSAL_TOKEN || !ladder_is_full(p->ladder) ||
            p->sessions[SESSION_LEASED].n == 0)
            refuse_waiting(p, ladder_answers_until(p->ladder), why, words);
        return;
    }
    refuse_resting(p);
    if (share_rate_wait(p->env->share) > 0) {
        pool_serve_again_in(p, share_rate_wait(p->env->share));
        return;
    }
    LIST_EACH (&p->waiting, it) {
        struct lease *lease = CONTAINER(it, struct lease, link);
        if (asked_for && asked_for->n == p->nwaiting && !p->navoiding)
            return;
        if (!lease->avoid && asked_for == lease->crowd)
            continue;
        if (!lease->avoid)
            asked_for = lease->crowd;
        ask_for(p, lease);
    }
}

/* Sessions that nobody waits for: wanted by somebody who has only said hello, or for a proof. */
static void serve_warming(struct pool *p)
{
    if (p->gone || p->retired || p->nwaiting || (!p->warming && !p->probing))
        return;
    if (pool_room(p) == 0) {
        /* Nobody elsewhere shall end a session for it. */
        if (share_is_stuck(p->env->share)) {
            pool_warm_later(p, NULL);
            p->probing = false;
        } else {
            p->missing = 1;
        }
        return;
    }
    char *identity = p->warming;
    p->warming = NULL;
    if (identity)
        ladder_supply(p->ladder, identity, 1, pool_room(p));
    else if (p->probing)
        ladder_probe_again(p->ladder);
    p->probing = p->probing && identity;
    free(identity);
}

/* One login finds out whether there can be more; more slots before that would only lie there. */
static unsigned more_wanted(const struct pool *p)
{
    unsigned dialing = ladder_dialing(p->ladder);
    if (ladder_is_racing(p->ladder))
        return 0;
    return p->missing > dialing ? p->missing - dialing : 0;
}

void pool_serve(void *arg)
{
    struct pool *p = arg;
    struct upstream_env *env = p->env;
    env_hold(env);
    timer_stop(p->again);
    p->missing = 0;
    while (!p->gone && serve_one(p))
        continue;
    if (p->gone)
        refuse_waiting(p, INT64_MAX, REFUSAL_GONE, "shutting down");
    else if (p->holds_one)
        refuse_waiting(p, INT64_MAX, REFUSAL_NO_PORT, p->lost);
    else if (p->nwaiting)
        ask_ladder(p);
    if (p->nwaiting && ceiling_wait(&p->ceiling, loop_now(p->env->io->loop)) > 0)
        pool_serve_again_in(p, ceiling_wait(&p->ceiling, loop_now(p->env->io->loop)));
    turns_recall(p);
    if (p->retired && !p->nwaiting)
        pool_drop_idle(p);
    pool_yield(p);
    serve_warming(p);
    share_wish(env->share, pool_sessions(p) + ladder_dialing(p->ladder), more_wanted(p),
               p->gone ? 0 : p->nwaiting);
    /* This comes last: the reference may be the last. */
    env_release(env);
}

/* Returns whether the pool is between two races and the first of them found no port. */
static bool nothing_works(const struct pool *p)
{
    return ladder_standing(p->ladder) == STANDING_NO_PORT && pool_sessions(p) == 0;
}

static void say_busy(const struct pool *p, char *words, size_t size)
{
    unsigned here = pool_sessions(p), elsewhere = share_elsewhere(p->env->share),
             most = p->env->cfg->max_connections;
    if (p->ceiling.sessions && here >= p->ceiling.sessions)
        snprintf(words, size, "all %u that it lets us have are busy", here);
    else if (here >= ladder_limit(p->ladder))
        snprintf(words, size, "all %u requests that its API is sent at a time are busy",
                 ladder_limit(p->ladder));
    else if (here + elsewhere < most)
        snprintf(words, size, "a new one takes longer than acquire_timeout");
    else if (elsewhere)
        snprintf(words, size, "all %u that max_connections allows are busy, %u of them elsewhere",
                 most, elsewhere);
    else
        snprintf(words, size, "all %u that max_connections allows are busy", most);
}

/* The lease has waited as long as it may. A session on the port that it avoids is better than
 * none. */
static void on_late(void *arg)
{
    struct lease *lease = arg;
    struct pool *p = lease->pool;
    struct warm *s = share_rate_wait(p->env->share) > 0 ? NULL : pool_take(p, lease->identity, 0);
    enum refusal why;
    char words[512];
    if (s) {
        grant(lease, s);
        return;
    }
    if (!ladder_is_closed(p->ladder, lease->identity, &why, words, sizeof words)) {
        if (share_rate_is_used_up(p->env->share)) {
            why = REFUSAL_RATE;
            snprintf(words, sizeof words, "the rate of this account is used up");
        } else if (ladder_is_racing(p->ladder) ||
                   ladder_awaits_secret(p->ladder, lease->identity) || nothing_works(p)) {
            ladder_report_so_far(p->ladder);
            why = ladder_reason(p->ladder, lease->identity, words, sizeof words);
        } else {
            why = REFUSAL_BUSY;
            say_busy(p, words, sizeof words);
        }
    }
    refuse(lease, why, words);
}

/* ---- what holders do ---- */

struct lease *pool_acquire(struct pool *p, const struct lease_wish *wish,
                           const struct lease_events *events, void *ctx)
{
    struct lease *lease = NEW(struct lease);
    lease->pool = p;
    env_hold(p->env);
    lease->identity = mem_string(pool_key(p->env, wish->identity));
    lease->avoid = wish->avoid;
    lease->yields = wish->yields;
    lease->asked = loop_now(p->env->io->loop);
    lease->events = events;
    lease->ctx = ctx;
    link_init(&lease->link);
    turns_join(lease, &wish->client);
    start_waiting(lease, wish->had_turn);
    lease->timer = timer_new(p->env->io->loop, on_late, lease);
    usec patience = p->env->cfg->acquire_timeout;
    if (wish->patience && wish->patience < patience)
        patience = wish->patience;
    lease->until = lease->asked + patience;
    timer_arm(lease->timer, patience);
    pool_serve_later(p);
    return lease;
}

void lease_hurry(struct lease *lease, usec patience)
{
    const struct upstream_env *env = lease->pool->env;
    usec left = lease->until - loop_now(env->io->loop);
    if (lease->session || patience >= left)
        return;
    lease->until -= left - patience;
    timer_arm(lease->timer, patience);
}

void pool_prove(struct pool *p)
{
    const char *user = credential_user(p->env->credential);
    if (p->retired || p->gone)
        return;
    /* The share hears of what is dialled. */
    pool_serve_later(p);
    if (pool_room(p) > 0)
        ladder_supply(p->ladder, user, 1, pool_room(p));
    else if (!share_is_stuck(p->env->share))
        pool_warm_later(p, user);
}

void pool_warm(struct pool *p, const char *identity)
{
    const char *key = pool_key(p->env, identity);
    enum refusal why;
    char words[512];
    if (p->retired || p->gone || ladder_is_dialing_for(p->ladder, key) ||
        ladder_is_closed(p->ladder, key, &why, words, sizeof words))
        return;
    LIST_EACH (&p->sessions[SESSION_IDLE].list, it)
        if (strcmp(CONTAINER(it, struct warm, link)->identity, key) == 0)
            return;
    if (pool_settling(p, key, loop_now(p->env->io->loop) - p->env->cfg->port_patience))
        return;
    pool_make_room(p, key);
    pool_serve_later(p);
    if (pool_room(p) > 0)
        ladder_supply(p->ladder, key, 1, pool_room(p));
    else if (!share_is_stuck(p->env->share))
        pool_warm_later(p, key);
}

struct carrier *lease_carrier(const struct lease *lease)
{
    return lease->session ? lease->session->carrier : NULL;
}

const struct port *lease_port(const struct lease *lease)
{
    return lease->session ? &lease->session->rung->report->port : NULL;
}

bool lease_is_pooled(const struct lease *lease)
{
    return lease->session && lease->session->rested;
}

bool lease_completed_any(const struct lease *lease)
{
    return lease->session && lease->session->completed > 0;
}

/* No message was sent, so the next lease gets its place in the rate. */
static void give_back_place(const struct lease *l)
{
    share_rate_give_back(l->pool->env->share, l->session->granted);
}

/* A login proves nothing where too many sessions are refused at MAIL. A message does. */
void lease_return(struct lease **lease, bool completed)
{
    struct lease *l = *lease;
    *lease = NULL;
    if (!l)
        return;
    if (!completed)
        give_back_place(l);
    else if (l->session->completed++ == 0)
        ceiling_raise(&l->pool->ceiling, pool_sessions(l->pool), l->pool->env->cfg->max_connections,
                      loop_now(l->pool->env->io->loop));
    turns_count_held(l, false);
    pool_settle(l->session);
    lease_free(l);
}

static bool is_one_too_many(const struct pool *p, int code)
{
    return ceiling_is_meant_by(code) &&
           (pool_sessions(p) > 1 || share_elsewhere(p->env->share) > 0);
}

static void note_one_too_many(struct pool *p, const char *words)
{
    if (pool_sessions(p) > 1)
        pool_note_full(p, pool_sessions(p) - 1, words);
    else
        (void)share_note_full(p->env->share);
}

bool lease_is_one_too_many(const struct lease *lease, const struct reply *reply)
{
    return lease->session && is_one_too_many(lease->pool, reply->code);
}

/* What the end of this session says of its port, of the login, and of the sessions beside it. */
static void note_end(struct pool *p, const struct warm *s, const struct smtp_client_failure *why,
                     const struct reply *revoking)
{
    char words[160];
    if (p->holds_one)
        snprintf(p->lost, sizeof p->lost, "%s", why ? why->err.words : "");
    else if (why && why->stage == SMTP_CLIENT_MAIL && why->reply && !why->first_use &&
             is_one_too_many(p, why->reply->code))
        note_one_too_many(p, reply_words(why->reply, words, sizeof words));
    else if (revoking)
        ladder_login_revoked(p->ladder, s->rung, s->identity, revoking);
    else if (why && why->first_use)
        pool_forget_rested(p, s->last_used);
    else if (why && s->completed == 0)
        ladder_blame(p->ladder, s->rung, why);
}

/* The reply `revoking` has revoked our login. It is NULL if none did. */
static void drop(struct lease *l, bool completed, const struct smtp_client_failure *why,
                 const struct reply *revoking)
{
    struct warm *s = l->session;
    warm_learn(s);
    turns_count_held(l, false);
    /* The holder closed it in this turn, or it has ended. */
    s->carrier = NULL;
    if (!completed)
        give_back_place(l);
    note_end(l->pool, s, why, revoking);
    warm_end(s);
    lease_free(l);
}

void lease_drop(struct lease **lease, bool completed, const struct smtp_client_failure *why)
{
    struct lease *l = *lease;
    const struct reply *reply = why ? why->reply : NULL;
    *lease = NULL;
    if (l)
        drop(l, completed, why, reply && reply_revokes_login(reply) ? reply : NULL);
}

void lease_revoked(struct lease **lease, bool completed, const struct reply *reply)
{
    struct lease *l = *lease;
    *lease = NULL;
    if (l)
        drop(l, completed, NULL, reply);
}

void lease_cancel(struct lease **lease)
{
    struct lease *l = *lease;
    *lease = NULL;
    if (!l)
        return;
    stop_waiting(l);
    lease_free(l);
}
