#include "upstream/share.h"

#include <stdlib.h>

#include "base/mem.h"
#include "io/loop.h"

/* ---- alone ---- */

static unsigned alone_room(const struct share *s, unsigned used, unsigned limit)
{
    (void)s;
    return used < limit ? limit - used : 0;
}

static void alone_wish(struct share *s, unsigned used, unsigned wanted, unsigned waiting)
{
    (void)s;
    (void)used;
    (void)wanted;
    (void)waiting;
}

static bool alone_is_stuck(const struct share *s)
{
    (void)s;
    return true;
}

static bool alone_is_contended(const struct share *s)
{
    (void)s;
    return false;
}

static void alone_owe(struct share *s)
{
    (void)s;
}

static unsigned alone_excess(const struct share *s, unsigned used)
{
    (void)s;
    (void)used;
    return 0;
}

static unsigned alone_elsewhere(const struct share *s)
{
    (void)s;
    return 0;
}

static bool alone_note_full(struct share *s)
{
    (void)s;
    return false;
}

static usec alone_rate_wait(struct share *s)
{
    const struct rate_limit *rate = &s->cfg->rate;
    usec now = loop_now(s->io->loop);
    return rate->messages ? window_wait(&s->rate, rate->messages, rate->period, now) : 0;
}

static bool alone_rate_is_used_up(struct share *s)
{
    return alone_rate_wait(s) > 0;
}

static usec alone_rate_take(struct share *s)
{
    const struct rate_limit *rate = &s->cfg->rate;
    usec now = loop_now(s->io->loop);
    if (rate->messages)
        (void)window_take(&s->rate, rate->messages, rate->period, now);
    return now;
}

static void alone_rate_give_back(struct share *s, usec stamp)
{
    if (s->cfg->rate.messages)
        window_give_back(&s->rate, stamp, loop_now(s->io->loop));
}

static void alone_login_enter(struct share *s, struct login *login, struct gate_pass *pass)
{
    (void)s;
    gate_enter(&login->gate, pass);
}

static void alone_login_leave(struct share *s, struct login *login, struct gate_pass *pass)
{
    (void)s;
    gate_leave(&login->gate, pass);
}

static void alone_login_accepted(struct share *s, const char *identity)
{
    logins_accepted(s->logins, identity);
}

static bool alone_login_refused(struct share *s, const char *identity)
{
    return logins_refused(s->logins, identity);
}

static bool alone_may_prove(const struct share *s, const char *identity)
{
    return !credential_is_refused(s->credential) && !logins_is_refused(s->logins, identity) &&
           logins_denied_for(s->logins, identity) == 0;
}

const struct share_kind share_kind_alone = {
    .room = alone_room,
    .wish = alone_wish,
    .is_stuck = alone_is_stuck,
    .is_contended = alone_is_contended,
    .owe = alone_owe,
    .excess = alone_excess,
    .elsewhere = alone_elsewhere,
    .note_full = alone_note_full,
    .rate_wait = alone_rate_wait,
    .rate_is_used_up = alone_rate_is_used_up,
    .rate_take = alone_rate_take,
    .rate_give_back = alone_rate_give_back,
    .login_enter = alone_login_enter,
    .login_leave = alone_login_leave,
    .login_accepted = alone_login_accepted,
    .login_refused = alone_login_refused,
    .may_prove = alone_may_prove,
};

struct share *share_alone(const struct io *io, const struct upstream_config *cfg,
                          struct credential *credential)
{
    struct share *s = NEW(struct share);
    share_init(s, &share_kind_alone, io, cfg, credential);
    return s;
}

void share_init(struct share *s, const struct share_kind *kind, const struct io *io,
                const struct upstream_config *cfg, struct credential *credential)
{
    s->kind = kind;
    s->io = io;
    s->cfg = cfg;
    s->credential = credential;
    s->logins = logins_new(io, cfg, credential);
}

void share_set_listener(struct share *s, void (*changed)(void *ctx), void *ctx)
{
    s->changed = changed;
    s->ctx = ctx;
}

void share_free(struct share **share)
{
    struct share *s = *share;
    *share = NULL;
    if (!s)
        return;
    if (s->kind->end)
        s->kind->end(s);
    logins_free(&s->logins);
    free(s);
}

/* ---- the questions ---- */

unsigned share_room(const struct share *s, unsigned used, unsigned limit)
{
    return s->kind->room(s, used, limit);
}

void share_wish(struct share *s, unsigned used, unsigned wanted, unsigned waiting)
{
    s->kind->wish(s, used, wanted, waiting);
}

bool share_is_stuck(const struct share *s)
{
    return s->kind->is_stuck(s);
}

bool share_is_contended(const struct share *s)
{
    return s->kind->is_contended(s);
}

void share_owe(struct share *s)
{
    s->kind->owe(s);
}

unsigned share_excess(const struct share *s, unsigned used)
{
    return s->kind->excess(s, used);
}

unsigned share_elsewhere(const struct share *s)
{
    return s->kind->elsewhere(s);
}

bool share_note_full(struct share *s)
{
    return s->kind->note_full(s);
}

usec share_rate_wait(struct share *s)
{
    return s->kind->rate_wait(s);
}

bool share_rate_is_used_up(struct share *s)
{
    return s->kind->rate_is_used_up(s);
}

usec share_rate_take(struct share *s)
{
    return s->kind->rate_take(s);
}

void share_rate_give_back(struct share *s, usec stamp)
{
    s->kind->rate_give_back(s, stamp);
}

void share_login_enter(struct share *s, struct login *login, struct gate_pass *pass)
{
    s->kind->login_enter(s, login, pass);
}

void share_login_leave(struct share *s, struct login *login, struct gate_pass *pass)
{
    s->kind->login_leave(s, login, pass);
}

void share_login_accepted(struct share *s, const char *identity)
{
    s->kind->login_accepted(s, identity);
}

bool share_login_refused(struct share *s, const char *identity)
{
    return s->kind->login_refused(s, identity);
}

bool share_may_prove(const struct share *s, const char *identity)
{
    return s->kind->may_prove(s, identity);
}
