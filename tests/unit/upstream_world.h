/* What the upstream room's tests share: a simulated world with one account whose ports are scripted
 * servers, and clients that want sessions. */
#ifndef UPSTREAM_WORLD_H
#define UPSTREAM_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim.h"
#include "sim/sim_config.h"
#include "sim/sim_upstream.h"
#include "upstream/account.h"

#define HOST "mail.example.net"
#define ADDRESS "192.0.2.1"
#define BASIC "[upstream]\nhost = " HOST "\nusername = user\npassword = right\n"
#define S USEC_PER_SEC
#define MS USEC_PER_MS

struct world {
    struct sim *sim;
    struct sim_ledger *ledger;
    struct sim_upstream *up[8];
    size_t nup;
    struct accounts *accounts;
};

/* somebody who wants a session */
struct wish {
    struct world *w;
    /* set while waiting and while held */
    struct lease *lease;
    bool acquired, refused, lost, recalled;
    enum refusal why;
    char words[512];
    usec asked, answered;
    uint16_t port;
};

static inline void world_begin(struct world *w)
{
    *w = (struct world){.sim = sim_new(7), .ledger = sim_ledger_new()};
    sim_name(w->sim, HOST, ADDRESS);
}

static inline void world_load(struct world *w, const char *ini)
{
    struct err err = {0};
    struct config *config = sim_config(ini);
    w->accounts = accounts_new(sim_io(w->sim), config, &err);
    config_unref(&config);
    assert_non_null(w->accounts);
}

/* A server that works, to be made worse through its script. */
static inline struct sim_upstream_script *world_server(struct world *w, const char *at)
{
    struct sim_upstream_script script = sim_upstream_kind(HOST, "user", "right");
    w->up[w->nup] = sim_upstream_new(w->sim, w->ledger, at, &script);
    return sim_upstream_script(w->up[w->nup++]);
}

#define AT587 ADDRESS ":587"

/* With one server, which works. */
static inline void world_begin_with(struct world *w, const char *ini)
{
    world_begin(w);
    world_server(w, AT587);
    world_load(w, ini);
}

static inline struct account *world_account(struct world *w)
{
    return accounts_at(w->accounts, 0);
}

static inline void world_end(struct world *w)
{
    if (w->accounts)
        accounts_free(&w->accounts);
    sim_run_for(w->sim, 20 * S);
    struct sim_living living = sim_living(w->sim);
    for (size_t i = 0; i < w->ledger->ncomplaints; i++)
        fail_msg("complaint: %s", w->ledger->complaints[i]);
    assert_int_equal(living.timers, 0);
    assert_int_equal(living.queries, 0);
    assert_int_equal(living.contexts, 0);
    for (size_t i = 0; i < w->nup; i++) {
        assert_int_equal(sim_upstream_sessions(w->up[i]), 0);
        sim_upstream_free(&w->up[i]);
    }
    /* whatever happened */
    for (size_t i = 0; i < w->ledger->nlogins; i++)
        assert_true(w->ledger->logins[i].sealed && w->ledger->logins[i].genuine);
    sim_ledger_free(&w->ledger);
    sim_free(&w->sim);
}

static inline void wish_lost(void *ctx, const struct smtp_client_failure *failure)
{
    struct wish *x = ctx;
    x->lost = true;
    lease_drop(&x->lease, failure->end_of_data_sent, failure);
}

static inline void wish_ready(void *ctx)
{
    (void)ctx;
}

static const struct smtp_client_events wish_client_events = {.ready = wish_ready,
                                                             .lost = wish_lost};

static inline void wish_acquired(void *ctx, struct lease *lease)
{
    struct wish *x = ctx;
    assert_false(x->acquired || x->refused);
    x->acquired = true;
    x->answered = sim_now(x->w->sim);
    x->lease = lease;
    x->port = lease_port(lease)->number;
    carrier_set_owner(lease_carrier(lease), &wish_client_events, x);
}

static inline void wish_refused(void *ctx, enum refusal why, const char *words)
{
    struct wish *x = ctx;
    assert_false(x->acquired || x->refused);
    x->refused = true;
    x->answered = sim_now(x->w->sim);
    x->why = why;
    x->lease = NULL;
    snprintf(x->words, sizeof x->words, "%s", words);
}

static inline void wish_recalled(void *ctx)
{
    struct wish *x = ctx;
    x->recalled = true;
    lease_return(&x->lease, false);
}

static const struct lease_events wish_events = {
    .acquired = wish_acquired, .refused = wish_refused, .recalled = wish_recalled};

static inline void wish_ask_avoiding(struct wish *x, struct world *w, uint16_t avoid)
{
    *x = (struct wish){.w = w, .asked = sim_now(w->sim)};
    x->lease =
        account_acquire(world_account(w), &(struct lease_wish){.avoid = avoid}, &wish_events, x);
    /* never from inside the call */
    assert_false(x->acquired || x->refused);
}

static inline void wish_ask(struct wish *x, struct world *w)
{
    wish_ask_avoiding(x, w, 0);
}

static inline bool wish_is_answered(void *ctx)
{
    const struct wish *x = ctx;
    return x->acquired || x->refused;
}

/* Waits for the answer; returns how long it took. */
static inline usec wish_wait(struct wish *x)
{
    assert_true(sim_run_until(x->w->sim, wish_is_answered, x, 60 * S));
    return x->answered - x->asked;
}

static inline void wish_hold(struct wish *x, struct world *w)
{
    wish_ask(x, w);
    wish_wait(x);
    assert_true(x->acquired);
}

static inline void wish_return(struct wish *x)
{
    assert_non_null(x->lease);
    lease_return(&x->lease, true);
    sim_run_for(x->w->sim, 0);
}

static inline const struct port_report *report_of(struct world *w, uint16_t port)
{
    size_t n;
    const struct port_report *reports = account_reports(world_account(w), &n);
    for (size_t i = 0; i < n; i++)
        if (reports[i].port.number == port)
            return &reports[i];
    fail_msg("no report of port %u", (unsigned)port);
    return NULL;
}

static inline unsigned logins_at(const struct world *w, uint16_t port)
{
    unsigned n = 0;
    for (size_t i = 0; i < w->ledger->nlogins; i++)
        n += port == 0 || w->ledger->logins[i].port == port;
    return n;
}

#endif
