#include "upstream/credential.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

struct credential {
    const struct io *io;
    char *user;
    struct secret *secret;
    usec first, longest;
    bool refused;
    usec wait;  /* the last wait; 0: none yet */
    usec until; /* loop time */
};

static void adopt(struct credential *c, const struct upstream_config *cfg)
{
    free(c->user);
    c->user = mem_string(cfg->username ? cfg->username : "");
    secret_free(&c->secret);
    c->secret = secret_copy(cfg->password);
    c->first = cfg->retry_auth_first;
    c->longest = cfg->retry_auth_longest;
}

static void forgive(struct credential *c)
{
    c->refused = false;
    c->wait = 0;
    c->until = 0;
}

struct credential *credential_new(const struct io *io, const struct upstream_config *cfg)
{
    struct credential *c = NEW(struct credential);
    c->io = io;
    adopt(c, cfg);
    return c;
}

void credential_free(struct credential **c)
{
    if (!*c)
        return;
    free((*c)->user);
    secret_free(&(*c)->secret);
    free(*c);
    *c = NULL;
}

bool credential_update(struct credential *c, const struct upstream_config *cfg)
{
    bool changed = !secret_equal(c->secret, cfg->password);
    adopt(c, cfg);
    if (changed)
        forgive(c);
    return changed;
}

static void answer(void *arg)
{
    struct credential_request *r = arg;
    struct err err = {0};
    if (!r->credential->secret)
        err_set(&err, ERR_NOT_FOUND, "no password is configured");
    r->answer(r->ctx, r->credential->secret, r->credential->secret ? NULL : &err);
}

void credential_request_init(struct credential_request *r)
{
    deferred_init(&r->later, answer, r);
}

void credential_ask(struct credential *c, struct credential_request *r,
                    void (*fn)(void *ctx, const struct secret *secret, const struct err *err), void *ctx)
{
    r->credential = c;
    r->answer = fn;
    r->ctx = ctx;
    loop_defer(c->io->loop, &r->later);
}

void credential_cancel(struct credential_request *r)
{
    deferred_cancel(&r->later);
}

const char *credential_user(const struct credential *c)
{
    return c->user;
}

void credential_refused(struct credential *c)
{
    c->wait = c->refused && c->wait ? c->wait * 2 : c->first;
    if (c->wait > c->longest)
        c->wait = c->longest;
    c->refused = true;
    c->until = loop_now(c->io->loop) + c->wait;
}

void credential_accepted(struct credential *c)
{
    forgive(c);
}

usec credential_wait_left(const struct credential *c)
{
    usec left = c->until - loop_now(c->io->loop);
    return c->refused && left > 0 ? left : 0;
}

bool credential_is_refused(const struct credential *c)
{
    return c->refused;
}
