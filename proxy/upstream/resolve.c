#include "upstream/resolve.h"

#include "base/err.h"
#include "base/mem.h"
#include "io/dns.h"
#include "io/loop.h"

#include <stdlib.h>

/* For the other family (RFC 8305 section 3). */
#define GRACE (50 * USEC_PER_MS)
/* These places are kept for a family that has not answered yet. */
#define RESERVE 2

struct family_answer {
    struct resolve *resolve;
    /* NULL if it was not asked or has answered. */
    struct dns_query *query;
    struct addr addresses[CAP_DNS_ADDRESSES];
    size_t n;
};

struct resolve {
    const struct upstream_env *env;
    const char *host;
    enum addr_family family;
    void (*changed)(void *ctx);
    void *ctx;
    struct family_answer v6, v4;
    struct addr list[CAP_DNS_ADDRESSES];
    size_t n;
    /* The first batch was published. From now on answers are appended. */
    bool published;
    bool done, patience_over;
    struct err err;
    struct timer *grace, *patience, *deadline;
    struct deferred literal;
};

static void append(struct resolve *r, const struct addr *a, size_t limit)
{
    for (size_t i = 0; i < r->n; i++)
        if (addr_equal(&r->list[i], a) && r->list[i].scope == a->scope)
            return;
    if (r->n < limit)
        r->list[r->n++] = *a;
}

/* The address that worked last goes first if the name still has it. That saves a family without a
 * route 250 ms at each dial. */
static void prefer_good(struct resolve *r)
{
    if (!r->env->ngood)
        return;
    for (size_t i = 1; i < r->n; i++) {
        if (!addr_equal(&r->list[i], &r->env->good[0]))
            continue;
        struct addr good = r->list[i];
        for (size_t k = i; k > 0; k--)
            r->list[k] = r->list[k - 1];
        r->list[0] = good;
        return;
    }
}

static void merge(struct resolve *r, bool waits)
{
    size_t limit = waits ? CAP_DNS_ADDRESSES - RESERVE : CAP_DNS_ADDRESSES;
    bool first = r->n == 0;
    for (size_t i = 0; i < CAP_DNS_ADDRESSES; i++) {
        if (i < r->v6.n)
            append(r, &r->v6.addresses[i], limit);
        if (i < r->v4.n)
            append(r, &r->v4.addresses[i], limit);
    }
    if (first)
        prefer_good(r);
}

/* They are the upstream's addresses, so they say nothing about the proxy on the way to it. */
static void use_good(struct resolve *r)
{
    if (r->host != r->env->cfg->host)
        return;
    for (size_t i = 0; i < r->env->ngood; i++)
        if (r->family == ADDR_NONE || r->family == r->env->good[i].family)
            append(r, &r->env->good[i], CAP_DNS_ADDRESSES);
}

static void finish(struct resolve *r)
{
    r->done = true;
    timer_stop(r->grace);
    timer_stop(r->patience);
    timer_stop(r->deadline);
    if (r->n == 0)
        use_good(r);
    if (r->n == 0 && r->err.kind == ERR_NONE)
        err_set(&r->err, ERR_NOT_FOUND, "it has no address");
}

/* Called after each answer and each timer. It calls the race last. */
static void consider(struct resolve *r)
{
    size_t before = r->n;
    bool waits = r->v6.query || r->v4.query;
    bool some = r->v6.n || r->v4.n;
    if (r->done)
        return;
    if (!waits || r->published) {
        r->published = true;
        merge(r, waits);
    } else if (some && !timer_is_armed(r->grace)) {
        timer_arm(r->grace, GRACE);
    }
    if (!waits)
        finish(r);
    if (r->n != before || r->done)
        r->changed(r->ctx);
}

static void on_grace(void *arg)
{
    struct resolve *r = arg;
    r->published = true;
    consider(r);
}

static void on_patience(void *arg)
{
    struct resolve *r = arg;
    r->patience_over = true;
    if (r->n == 0 && !r->v6.n && !r->v4.n)
        use_good(r);
    if (r->n != 0) {
        r->published = true;
        r->changed(r->ctx);
    }
}

static void on_deadline(void *arg)
{
    struct resolve *r = arg;
    dns_cancel(&r->v6.query);
    dns_cancel(&r->v4.query);
    if (r->err.kind == ERR_NONE)
        err_set(&r->err, ERR_TIMEOUT, "the resolver does not answer");
    consider(r);
}

static void on_answer(void *ctx, const struct addr *addresses, size_t n, const struct err *err)
{
    struct family_answer *f = ctx;
    f->query = NULL;
    for (size_t i = 0; i < n && f->n < CAP_DNS_ADDRESSES; i++)
        f->addresses[f->n++] = addresses[i];
    /* The error "the resolver is broken" says more than "has no IPv6 address". */
    if (n == 0 && err &&
        (f->resolve->err.kind == ERR_NONE || f->resolve->err.kind == ERR_NOT_FOUND))
        f->resolve->err = *err;
    consider(f->resolve);
}

static void on_literal(void *arg)
{
    struct resolve *r = arg;
    finish(r);
    r->changed(r->ctx);
}

static void start(struct resolve *r)
{
    struct addr literal;
    if (addr_parse(slice_of(r->host), &literal)) {
        if (r->family == ADDR_NONE || r->family == literal.family)
            r->list[r->n++] = literal;
        else
            err_set(&r->err, ERR_INVALID,
                    "%s is not an IPv%d address, and the config allows no other", r->host,
                    (int)r->family);
        loop_defer(r->env->io->loop, &r->literal);
        return;
    }
    timer_arm(r->patience, r->env->cfg->port_patience);
    timer_arm(r->deadline, r->env->cfg->connect_timeout);
    if (r->family != ADDR_V4)
        r->v6.query = dns_lookup(r->env->io->dns, r->host, ADDR_V6, on_answer, &r->v6);
    if (r->family != ADDR_V6)
        r->v4.query = dns_lookup(r->env->io->dns, r->host, ADDR_V4, on_answer, &r->v4);
}

struct resolve *resolve_new(const struct upstream_env *env, const char *host,
                            enum addr_family family, void (*changed)(void *ctx), void *ctx)
{
    struct resolve *r = NEW(struct resolve);
    r->env = env;
    r->host = host;
    r->family = family;
    r->changed = changed;
    r->ctx = ctx;
    r->v6.resolve = r->v4.resolve = r;
    r->grace = timer_new(env->io->loop, on_grace, r);
    r->patience = timer_new(env->io->loop, on_patience, r);
    r->deadline = timer_new(env->io->loop, on_deadline, r);
    deferred_init(&r->literal, on_literal, r);
    start(r);
    return r;
}

void resolve_free(struct resolve **resolve)
{
    struct resolve *r = *resolve;
    *resolve = NULL;
    if (!r)
        return;
    dns_cancel(&r->v6.query);
    dns_cancel(&r->v4.query);
    timer_free(&r->grace);
    timer_free(&r->patience);
    timer_free(&r->deadline);
    deferred_cancel(&r->literal);
    loop_free_later(r->env->io->loop, r, free);
}

const struct addr *resolve_addresses(const struct resolve *r, size_t *n_r)
{
    *n_r = r->n;
    return r->list;
}

bool resolve_is_done(const struct resolve *r)
{
    return r->done;
}

bool resolve_is_enough(const struct resolve *r)
{
    return r->done || (r->patience_over && (r->v6.n || r->v4.n));
}

const struct err *resolve_error(const struct resolve *r)
{
    return &r->err;
}
