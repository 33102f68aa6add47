#include "upstream/together.h"

#include "base/mem.h"
#include "io/loop.h"
#include "upstream/doors.h"
#include "upstream/grants.h"

/* A provider that has refused one more session is left alone for so long, doubling. */
#define FULL_FIRST (1 * USEC_PER_SEC)
#define FULL_LONGEST (4 * USEC_PER_SEC)

struct together {
    struct share share;
    struct slot_user slots;
    struct grants *grants;
    struct doors *doors;
    /* The provider has refused one more session although we have none: the others have them. */
    usec full_wait, full_until;
    struct timer *again;
};

static struct together *together_of(struct share *s)
{
    return CONTAINER(s, struct together, share);
}

static const struct together *together_seen(const struct share *s)
{
    return CONTAINER((const struct share *)s, const struct together, share);
}

static usec now_of(const struct share *s)
{
    return loop_now(s->io->loop);
}

static void tell(void *ctx)
{
    struct together *t = ctx;
    if (t->share.changed)
        t->share.changed(t->share.ctx);
}

/* ---- sessions ---- */

static unsigned together_room(const struct share *s, unsigned used, unsigned limit)
{
    const struct together *t = together_seen(s);
    return now_of(s) < t->full_until ? 0 : slots_room(&t->slots, used, limit);
}

static void together_wish(struct share *s, unsigned used, unsigned wanted, unsigned waiting)
{
    struct together *t = together_of(s);
    slots_wish(&t->slots, used, wanted);
    grants_wish(t->grants, waiting);
}

static bool together_is_stuck(const struct share *s)
{
    const struct together *t = together_seen(s);
    return now_of(s) < t->full_until || slots_are_short(&t->slots);
}

static bool together_is_contended(const struct share *s)
{
    return slots_are_contended(&together_seen(s)->slots);
}

static void together_owe(struct share *s)
{
    slots_owe(&together_of(s)->slots);
}

static unsigned together_excess(const struct share *s, unsigned used)
{
    return slots_excess(&together_seen(s)->slots, used);
}

static unsigned together_elsewhere(const struct share *s)
{
    return slots_elsewhere(&together_seen(s)->slots);
}

static bool together_note_full(struct share *s)
{
    struct together *t = together_of(s);
    usec now = now_of(s);
    if (!slots_others_have(&t->slots))
        return false;
    if (now >= t->full_until) {
        t->full_wait = !t->full_wait                 ? FULL_FIRST
                       : t->full_wait < FULL_LONGEST ? 2 * t->full_wait
                                                     : t->full_wait;
        t->full_until = now + t->full_wait;
        timer_arm(t->again, t->full_wait);
    }
    return true;
}

/* ---- messages ---- */

static usec together_rate_wait(struct share *s)
{
    return grants_wait(together_of(s)->grants);
}

static bool together_rate_is_used_up(struct share *s)
{
    return grants_are_used_up(together_of(s)->grants);
}

static usec together_rate_take(struct share *s)
{
    return grants_take(together_of(s)->grants);
}

static void together_rate_give_back(struct share *s, usec stamp)
{
    grants_give_back(together_of(s)->grants, stamp);
}

/* ---- logins ---- */

static void together_login_accepted(struct share *s, const char *identity)
{
    struct together *t = together_of(s);
    t->full_wait = t->full_until = 0;
    doors_accepted(t->doors, identity);
    share_kind_alone.login_accepted(s, identity);
}

static void together_login_enter(struct share *s, struct login *login, struct gate_pass *pass)
{
    doors_enter(together_of(s)->doors, login, pass);
    share_kind_alone.login_enter(s, login, pass);
}

static void together_login_leave(struct share *s, struct login *login, struct gate_pass *pass)
{
    doors_leave(together_of(s)->doors, pass);
    share_kind_alone.login_leave(s, login, pass);
}

static bool together_login_refused(struct share *s, const char *identity)
{
    doors_refused(together_of(s)->doors, identity);
    return share_kind_alone.login_refused(s, identity);
}

static bool together_may_prove(const struct share *s, const char *identity)
{
    return share_kind_alone.may_prove(s, identity);
}

/* ---- life ---- */

static void together_end(struct share *s)
{
    struct together *t = together_of(s);
    slots_leave(&t->slots);
    grants_free(&t->grants);
    doors_free(&t->doors);
    timer_free(&t->again);
}

static const struct share_kind together = {
    .room = together_room,
    .wish = together_wish,
    .is_stuck = together_is_stuck,
    .is_contended = together_is_contended,
    .owe = together_owe,
    .excess = together_excess,
    .elsewhere = together_elsewhere,
    .note_full = together_note_full,
    .rate_wait = together_rate_wait,
    .rate_is_used_up = together_rate_is_used_up,
    .rate_take = together_rate_take,
    .rate_give_back = together_rate_give_back,
    .login_enter = together_login_enter,
    .login_leave = together_login_leave,
    .login_accepted = together_login_accepted,
    .login_refused = together_login_refused,
    .may_prove = together_may_prove,
    .end = together_end,
};

struct share *share_together(const struct io *io, const struct upstream_config *cfg,
                             struct credential *credential, struct cluster *cluster)
{
    struct together *t = NEW(struct together);
    char id[CLUSTER_ID];
    share_init(&t->share, &together, io, cfg, credential);
    cluster_id(cluster, cfg->host, cfg->username ? cfg->username : "", id);
    slots_join(cluster, id, &t->slots, cfg->max_connections, tell, t);
    t->doors = doors_new(cluster, io, cfg, t->share.logins);
    t->grants = grants_new(cluster, id, &cfg->rate, tell, t);
    t->again = timer_new(io->loop, tell, t);
    return &t->share;
}

bool share_slots(const struct share *s, struct slots_view *view_r)
{
    if (s->kind != &together)
        return false;
    slots_view(&together_seen(s)->slots, view_r);
    return true;
}
