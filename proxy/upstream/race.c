#include "upstream/race.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "io/loop.h"
#include "upstream/attempt.h"
#include "upstream/resolve.h"
#include "upstream/share.h"

/* RFC 8305 section 5. */
#define ADDRESS_DELAY (250 * USEC_PER_MS)
#define ROUND_TRIPS_OF_PATIENCE 4

struct race_port {
    struct rung *rung;
    /* The loop time at which its first attempt began. connect_timeout counts from here. */
    usec started;
    usec last_start;
    /* Every step moves it forward. */
    usec patience_until;
    size_t next_address;
    size_t live;
    bool has_result;
    bool reported;
    /* It was started before those in front of it, because it waits for no address. */
    bool early;
    /* The result of the attempt that got furthest. */
    struct attempt_result result;
};

/* One attempt in the race. */
struct runner {
    struct link link;
    struct race *race;
    size_t port;
    struct attempt *attempt;
    struct gate_pass pass;
};

struct race {
    const struct upstream_env *env;
    char *identity;
    struct login *login;
    const struct race_events *events;
    void *ctx;
    struct resolve *resolve;
    usec began;
    struct timer *timer;
    struct race_port *ports;
    size_t nports, nstarted;
    struct link runners;
    bool told_stalled, over;
    /* The words with which one more session was refused while no other was authenticated, or "". */
    char full[sizeof((struct attempt_result *)0)->full];
};

static void pump(struct race *r);

static usec now_of(const struct race *r)
{
    return loop_now(r->env->io->loop);
}

/* ---- findings ---- */

static void keep_furthest(struct race_port *p, const struct attempt_result *result)
{
    bool saw_bytes = p->result.saw_bytes || result->saw_bytes;
    bool loops = p->result.loops || result->loops;
    bool at_once = result->at_once && (p->result.at_once || !p->has_result);
    if (!p->has_result || result->steps >= p->result.steps)
        p->result = *result;
    p->result.saw_bytes = saw_bytes;
    p->result.loops = loops;
    p->result.at_once = at_once;
    p->has_result = true;
}

static const struct addr *addresses_of(const struct race *r, size_t *n_r)
{
    *n_r = 0;
    return r->resolve ? resolve_addresses(r->resolve, n_r) : NULL;
}

static void report(struct race *r, struct race_port *p)
{
    /* No address was tried. */
    if (!p->has_result) {
        p->result = (struct attempt_result){.finding = FINDING_DNS};
        struct finding_detail d = {.finding = FINDING_DNS,
                                   .port = p->rung->report->port,
                                   .host = r->env->cfg->host,
                                   .err = resolve_error(r->resolve)};
        if (r->env->cfg->proxy.kind != PROXY_NONE)
            d.host = r->env->cfg->proxy.host;
        finding_words(&d, p->result.words, sizeof p->result.words);
    }
    p->reported = true;
    rung_report(p->rung, r->env, &p->result);
}

/* Stores what the attempts in progress on a port would be found to be if they were given up now.
 * Returns whether one of them is logging in. */
static bool keep_so_far(struct race *r, struct race_port *p)
{
    bool logging_in = false;
    LIST_EACH (&r->runners, it) {
        struct runner *x = CONTAINER(it, struct runner, link);
        struct attempt_result so_far;
        if (&r->ports[x->port] != p)
            continue;
        logging_in = logging_in || attempt_is_logging_in(x->attempt);
        attempt_result_so_far(x->attempt, &so_far);
        keep_furthest(p, &so_far);
    }
    return logging_in;
}

/* A loser that made no progress for port_patience has shown what it is. One that was only slower
 * has not. */
static void report_losers(struct race *r, const struct race_port *winner)
{
    usec now = now_of(r);
    for (size_t i = 0; i < r->nstarted; i++) {
        struct race_port *p = &r->ports[i];
        bool still = p->live > 0 && now >= p->patience_until;
        if (p == winner || p->reported)
            continue;
        still = !keep_so_far(r, p) && still;
        if (still)
            report(r, p);
        else
            p->rung->tried = now;
    }
}

/* ---- runners ---- */

static void drop(struct runner *x)
{
    link_remove(&x->link);
    x->race->ports[x->port].live--;
    attempt_free(&x->attempt);
    share_login_leave(x->race->env->share, x->race->login, &x->pass);
    loop_free_later(x->race->env->io->loop, x, free);
}

static void close_losers(struct race *r, struct runner *winner)
{
    LIST_EACH (&r->runners, it) {
        struct runner *x = CONTAINER(it, struct runner, link);
        if (x != winner)
            drop(x);
    }
}

static void on_step(void *ctx)
{
    struct runner *x = ctx;
    struct race *r = x->race;
    struct race_port *p = &r->ports[x->port];
    usec patience = r->env->cfg->port_patience;
    usec trips = ROUND_TRIPS_OF_PATIENCE * attempt_rtt(x->attempt);
    usec until = now_of(r) + (trips > patience ? trips : patience);
    if (until > p->patience_until)
        p->patience_until = until;
}

static void on_granted(void *ctx)
{
    struct runner *x = ctx;
    attempt_auth(x->attempt);
}

static void on_refused_elsewhere(void *ctx)
{
    struct runner *x = ctx;
    struct race *r = x->race;
    struct race_port *p = &r->ports[x->port];
    if (r->over)
        return;
    r->over = true;
    timer_stop(r->timer);
    attempt_result_so_far(x->attempt, &p->result);
    p->result.finding = FINDING_AUTH_REFUSED;
    snprintf(p->result.words, sizeof p->result.words,
             "another instance was refused with the same secret a moment ago, so it was not tried");
    p->has_result = true;
    report(r, p);
    r->events->refused(r->ctx);
}

static void on_auth_wanted(void *ctx)
{
    struct runner *x = ctx;
    share_login_enter(x->race->env->share, x->race->login, &x->pass);
}

static void on_ready(void *ctx)
{
    struct runner *x = ctx;
    struct race *r = x->race;
    struct race_port *p = &r->ports[x->port];
    if (r->over)
        return;
    r->over = true;
    timer_stop(r->timer);
    report_losers(r, p);
    close_losers(r, x);
    p->reported = true;
    rung_report(p->rung, r->env, attempt_result(x->attempt));
    r->events->won(r->ctx, attempt_take(x->attempt), p->rung);
}

static bool is_full(const struct race *r)
{
    return r->full[0] && r->events->full && r->events->full(r->ctx, r->full);
}

static void on_failed(void *ctx)
{
    struct runner *x = ctx;
    struct race *r = x->race;
    struct race_port *p = &r->ports[x->port];
    enum finding finding = attempt_result(x->attempt)->finding;
    /* What `443/api` lacks is no loss of the others, whose login is another. */
    bool api = rung_is_api(p->rung), refused = finding == FINDING_AUTH_REFUSED && !api;
    if (r->over)
        return;
    if (attempt_result(x->attempt)->full[0]) {
        snprintf(r->full, sizeof r->full, "%s", attempt_result(x->attempt)->full);
        if (is_full(r))
            return;
    }
    keep_furthest(p, attempt_result(x->attempt));
    if (refused) {
        r->over = true;
        timer_stop(r->timer);
        p->result = *attempt_result(x->attempt);
        report(r, p);
        r->events->refused(r->ctx);
        return;
    }
    if (finding == FINDING_TOKEN && !api && r->events->denied) {
        r->over = true;
        timer_stop(r->timer);
        p->result = *attempt_result(x->attempt);
        report(r, p);
        r->events->denied(r->ctx);
        return;
    }
    drop(x);
    pump(r);
}

static const struct attempt_events runner_events = {
    .step = on_step, .auth_wanted = on_auth_wanted, .ready = on_ready, .failed = on_failed};

static void start_attempt(struct race *r, struct race_port *p, const struct addr *to)
{
    struct runner *x = NEW(struct runner);
    usec clock = p->started + r->env->cfg->connect_timeout - now_of(r);
    x->race = r;
    x->port = (size_t)(p - r->ports);
    gate_pass_init(&x->pass, p->rung->report->port.number, p->rung->index, on_granted, x);
    x->pass.refused = on_refused_elsewhere;
    link_init(&x->link);
    list_push_back(&r->runners, &x->link);
    p->live++;
    p->next_address++;
    p->last_start = now_of(r);
    p->reported = false;
    x->attempt = attempt_new(r->env, p->rung, to, r->identity, clock, &runner_events, x);
}

/* ---- the staggering ---- */

/* A rung without addresses has one attempt. */
static size_t attempts_of(const struct race_port *p, size_t naddresses)
{
    return rung_is_api(p->rung) ? 1 : naddresses;
}

static bool is_exhausted(const struct race_port *p, size_t naddresses)
{
    return p->live == 0 && p->next_address >= attempts_of(p, naddresses);
}

static void feed(struct race *r, struct race_port *p, const struct addr *addresses, size_t n)
{
    usec now = now_of(r);
    bool in_time = now < p->started + r->env->cfg->connect_timeout;
    size_t most = attempts_of(p, n);
    while (p->next_address < most && (p->live == 0 || now >= p->last_start + ADDRESS_DELAY)) {
        if (in_time)
            start_attempt(r, p, rung_is_api(p->rung) ? NULL : &addresses[p->next_address]);
        else
            p->next_address = most;
    }
    if (is_exhausted(p, n) && p->has_result && !p->reported)
        report(r, p);
}

static void start_port(struct race *r)
{
    struct race_port *p = &r->ports[r->nstarted++];
    p->started = now_of(r);
    p->patience_until = p->started + r->env->cfg->port_patience;
}

static void arm(struct race *r, size_t n)
{
    usec now = now_of(r), next = INT64_MAX;
    for (size_t i = 0; i < r->nstarted; i++) {
        const struct race_port *p = &r->ports[i];
        if (p->next_address < attempts_of(p, n) && p->last_start + ADDRESS_DELAY < next)
            next = p->last_start + ADDRESS_DELAY;
    }
    if (r->nstarted && !r->told_stalled && r->ports[r->nstarted - 1].patience_until < next)
        next = r->ports[r->nstarted - 1].patience_until;
    if (next == INT64_MAX)
        timer_stop(r->timer);
    else
        timer_arm(r->timer, next - now);
}

/* Starts ports while the last one has no attempt left or makes no progress. Returns false if the
 * race is over. */
static bool start_ports(struct race *r, const struct addr *addresses, size_t n)
{
    for (;;) {
        for (size_t i = 0; i < r->nstarted; i++)
            feed(r, &r->ports[i], addresses, n);
        struct race_port *last = r->nstarted ? &r->ports[r->nstarted - 1] : NULL;
        if (last && !last->early && !is_exhausted(last, n) && now_of(r) < last->patience_until)
            return true;
        if (r->nstarted < r->nports) {
            start_port(r);
            continue;
        }
        if (r->told_stalled)
            return true;
        r->told_stalled = true;
        r->events->stalled(r->ctx);
        if (r->over)
            return false;
    }
}

/* ---- a rung without addresses ---- */

/* The one that is to be started while the name of the others is looked up: it need not wait for
 * that, but lets those in front of it have their patience. Returns when, and its place. */
static usec early_start(const struct race *r, size_t *place_r)
{
    for (size_t i = r->nstarted; i < r->nports; i++) {
        if (!rung_is_api(r->ports[i].rung))
            continue;
        *place_r = i;
        return i == 0 ? r->began : r->began + r->env->cfg->port_patience;
    }
    return INT64_MAX;
}

static void start_early(struct race *r)
{
    size_t place = 0;
    usec when = early_start(r, &place), now = now_of(r);
    if (when > now) {
        if (when == INT64_MAX)
            timer_stop(r->timer);
        else
            timer_arm(r->timer, when - now);
        return;
    }
    struct race_port p = r->ports[place];
    memmove(&r->ports[r->nstarted + 1], &r->ports[r->nstarted],
            (place - r->nstarted) * sizeof *r->ports);
    r->ports[r->nstarted] = p;
    start_port(r);
    r->ports[r->nstarted - 1].early = place > 0;
    feed(r, &r->ports[r->nstarted - 1], NULL, 0);
    start_early(r);
}

/* ---- the whole ---- */

static bool is_lost(const struct race *r, size_t n)
{
    if ((r->resolve && !resolve_is_enough(r->resolve)) || r->nstarted < r->nports)
        return false;
    for (size_t i = 0; i < r->nports; i++)
        if (!is_exhausted(&r->ports[i], n))
            return false;
    return true;
}

static void pump(struct race *r)
{
    size_t n;
    const struct addr *addresses = addresses_of(r, &n);
    if (r->over)
        return;
    if (n == 0 && r->resolve && !resolve_is_done(r->resolve)) {
        start_early(r);
        return;
    }
    if (!start_ports(r, addresses, n))
        return;
    if (!is_lost(r, n)) {
        arm(r, n);
        return;
    }
    /* Another dial may have logged in at the same time as the one that was refused. */
    if (is_full(r))
        return;
    r->over = true;
    timer_stop(r->timer);
    for (size_t i = 0; i < r->nports; i++)
        if (!r->ports[i].reported)
            report(r, &r->ports[i]);
    r->events->failed(r->ctx);
}

static void on_pump(void *ctx)
{
    pump(ctx);
}

/* ---- life ---- */

static void look_up(struct race *r)
{
    const struct upstream_config *cfg = r->env->cfg;
    enum addr_family family = cfg->source.family != ADDR_NONE ? cfg->source.family : cfg->family;
    r->resolve = resolve_new(r->env, cfg->proxy.kind == PROXY_NONE ? cfg->host : cfg->proxy.host,
                             family, on_pump, r);
}

/* The name is looked up if one of the ports needs its addresses. One that does not is started by
 * the loop, whatever becomes of that. */
static void append_ports(struct race *r, struct rung *const *rungs, size_t n)
{
    if (!n)
        return;
    r->ports = mem_resize(r->ports, (r->nports + n) * sizeof *r->ports);
    for (size_t i = 0; i < n; i++) {
        r->ports[r->nports++] = (struct race_port){.rung = rungs[i]};
        if (rung_is_api(rungs[i]))
            timer_arm(r->timer, 0);
        else if (!r->resolve)
            look_up(r);
    }
}

struct race *race_new(const struct upstream_env *env, struct rung *const *rungs, size_t n,
                      const char *identity, const struct race_events *events, void *ctx)
{
    struct race *r = NEW(struct race);
    *r = (struct race){.env = env, .identity = mem_string(identity), .events = events, .ctx = ctx};
    r->began = loop_now(env->io->loop);
    r->login = logins_hold(env->share->logins, identity);
    link_init(&r->runners);
    r->timer = timer_new(env->io->loop, on_pump, r);
    append_ports(r, rungs, n);
    return r;
}

void race_extend(struct race *r, struct rung *const *rungs, size_t n)
{
    append_ports(r, rungs, n);
    r->told_stalled = n == 0;
}

static void destroy(void *p)
{
    struct race *r = p;
    free(r->identity);
    free(r->ports);
    free(r);
}

void race_free(struct race **race)
{
    struct race *r = *race;
    *race = NULL;
    if (!r)
        return;
    r->over = true;
    close_losers(r, NULL);
    logins_release(r->login);
    timer_free(&r->timer);
    if (r->resolve)
        resolve_free(&r->resolve);
    loop_free_later(r->env->io->loop, r, destroy);
}

bool race_keep_login(struct race *r)
{
    struct runner *login = NULL;
    LIST_EACH (&r->runners, it) {
        struct runner *x = CONTAINER(it, struct runner, link);
        if (r->login->gate.holder == &x->pass && attempt_is_logging_in(x->attempt))
            login = x;
    }
    if (!login)
        return false;
    close_losers(r, login);
    for (size_t i = 0; i < r->nports; i++) {
        r->ports[i].next_address = SIZE_MAX;
        /* Nothing is known of the others. */
        r->ports[i].reported = i != login->port;
    }
    r->nstarted = r->nports;
    r->told_stalled = true;
    timer_stop(r->timer);
    return true;
}

const struct addr *race_addresses(const struct race *r, size_t *n_r)
{
    return addresses_of(r, n_r);
}

bool race_waits_for_gate(const struct race *r)
{
    LIST_EACH (&r->runners, it)
        if (CONTAINER(it, struct runner, link)->pass.state == GATE_WAITING)
            return true;
    return false;
}

void race_report_so_far(struct race *r)
{
    for (size_t i = 0; i < r->nstarted; i++) {
        struct race_port *p = &r->ports[i];
        if (p->reported)
            continue;
        keep_so_far(r, p);
        if (p->has_result)
            rung_report(p->rung, r->env, &p->result);
    }
}
