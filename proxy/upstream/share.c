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

static usec alone_rate_wait(struct share *s)
{
    const struct rate_limit *rate = &s->cfg->rate;
    usec now = loop_now(s->io->loop);
    return rate->messages ? window_wait(&s->rate, rate->messages, rate->period, now) : 0;
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

static const struct share_kind alone = {
    .room = alone_room,
    .rate_wait = alone_rate_wait,
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
    s->kind = &alone;
    s->io = io;
    s->cfg = cfg;
    s->credential = credential;
    s->logins = logins_new(io, cfg, credential);
    return s;
}

void share_free(struct share **share)
{
    struct share *s = *share;
    *share = NULL;
    if (!s)
        return;
    logins_free(&s->logins);
    free(s);
}

/* ---- the questions ---- */

unsigned share_room(const struct share *s, unsigned used, unsigned limit)
{
    return s->kind->room(s, used, limit);
}

usec share_rate_wait(struct share *s)
{
    return s->kind->rate_wait(s);
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
