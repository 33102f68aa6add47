/* Joins one account's credential, gate, ladder and pool. Holds all accounts of one config, and
 * decides what a reload keeps. */
#include "upstream/account.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "io/io.h"
#include "upstream/api_account.h"
#include "upstream/cluster.h"
#include "upstream/contexts.h"
#include "upstream/credential.h"
#include "upstream/ladder.h"
#include "upstream/memory.h"
#include "upstream/pool.h"
#include "upstream/settings.h"
#include "upstream/share.h"
#include "upstream/tally.h"
#include "upstream/together.h"

struct account {
    /* The config from which env.cfg, and everything made with it, borrows. */
    struct config *born;
    /* The config from which the routing is read. */
    struct config *newest;
    /* Points into `newest`. */
    const struct upstream_config *current;
    char *helo;
    struct upstream_env env;
    struct credential *credential;
    /* NULL: its limits are its own. */
    struct cluster *cluster;
    struct share *share;
    struct tls_context *tls;
    struct ladder *ladder;
    struct pool *pool;
    struct upstream_tally tally;
};

struct accounts {
    const struct io *io;
    struct config *config;
    struct memory *memory;
    /* NULL: this instance is alone. */
    struct cluster *cluster;
    struct account **items;
    size_t n;
    /* The addresses of our own listeners. Owned. */
    struct addr *own;
    size_t nown;
};

/* ---- one account ---- */

static void on_ended(struct upstream_env *env)
{
    struct account *a = CONTAINER(env, struct account, env);
    pool_free(&a->pool);
    ladder_free(&a->ladder);
    share_free(&a->share);
    api_account_free(&a->env.api);
    cluster_unref(&a->cluster);
    credential_free(&a->credential);
    tls_context_unref(&a->tls);
    free(a->env.own);
    free(a->helo);
    config_unref(&a->newest);
    config_unref(&a->born);
    loop_free_later(a->env.io->loop, a, free);
}

/* Without a login there is nothing that several instances could have in common. */
static struct cluster *cluster_for(const struct accounts *all, const struct upstream_config *cfg)
{
    return cfg->shared ? all->cluster : NULL;
}

/* The next account of `all`. Takes tls. */
static struct account *account_new(const struct accounts *all, const struct upstream_config *cfg,
                                   struct tls_context *tls)
{
    const struct io *io = all->io;
    struct config *config = all->config;
    struct account *a = NEW(struct account);
    a->born = config_ref(config);
    a->newest = config_ref(config);
    a->current = cfg;
    a->helo = mem_string(settings_helo(config, cfg));
    a->tls = tls;
    a->credential = credential_new(io, cfg, NULL);
    a->cluster = cluster_ref(cluster_for(all, cfg));
    a->share = a->cluster ? share_together(io, cfg, a->credential, a->cluster)
                          : share_alone(io, cfg, a->credential);
    a->env = (struct upstream_env){
        .io = io, .cfg = cfg, .credential = a->credential, .share = a->share, .tally = &a->tally};
    a->env.api = api_account_new(io, cfg, &config->server.aliases);
    a->env.refs = 1;
    a->env.ended = on_ended;
    a->pool = pool_new(&a->env);
    a->ladder = ladder_new(&a->env, all->memory, a->helo, a->tls, &pool_ladder_events, a->pool);
    pool_set_ladder(a->pool, a->ladder);
    return a;
}

struct account *account_of_session(const struct io *io, struct config *config,
                                   const struct upstream_config *cfg, struct carrier *carrier,
                                   struct rung *rung, const char *identity)
{
    /* Its one session is counted by whoever opened it. */
    const struct accounts of_one = {.io = io, .config = config, .memory = memory_open(io, NULL)};
    struct memory *memory = of_one.memory;
    struct account *a = account_new(&of_one, cfg, NULL);
    memory_unref(&memory);
    pool_hold_one(a->pool, carrier, rung, identity);
    return a;
}

struct account *account_ref(struct account *a)
{
    env_hold(&a->env);
    return a;
}

void account_unref(struct account **account)
{
    struct account *a = *account;
    *account = NULL;
    if (a)
        env_release(&a->env);
}

/* Ends an account that is no longer in the config: what is in progress ends normally, and no new
 * session is kept. */
static void account_retire(struct account *a)
{
    ladder_retire(a->ladder);
    pool_retire(a->pool);
    account_unref(&a);
}

static bool account_fits(const struct account *a, const struct accounts *all,
                         const struct upstream_config *cfg)
{
    const struct config *config = all->config;
    return a->cluster == cluster_for(all, cfg) && settings_equal(a->env.cfg, cfg) &&
           strcmp(a->helo, settings_helo(config, cfg)) == 0;
}

/* Takes tls. */
static void account_renew(struct account *a, struct config *config,
                          const struct upstream_config *cfg, struct tls_context *tls)
{
    config_unref(&a->newest);
    a->newest = config_ref(config);
    a->current = cfg;
    ladder_set_tls(a->ladder, tls);
    tls_context_unref(&a->tls);
    a->tls = tls;
    logins_update(a->share->logins, cfg);
    bool changed = credential_update(a->credential, cfg);
    if (a->env.api)
        changed = api_account_update(a->env.api, cfg, &config->server.aliases) || changed;
    ladder_credentials_doubted(a->ladder, changed);
}

const struct upstream_config *account_config(const struct account *a)
{
    return a->current;
}

const struct account_facts *account_facts(const struct account *a)
{
    return ladder_facts(a->ladder);
}

usec account_rests_for(const struct account *a)
{
    return credential_wait_left(a->credential);
}

enum standing account_standing(const struct account *a)
{
    return ladder_standing(a->ladder);
}

const struct port_report *account_reports(const struct account *a, size_t *n_r)
{
    return ladder_reports(a->ladder, n_r);
}

const struct sight *account_sight(const struct account *a, size_t port)
{
    size_t n;
    const struct rung *rungs = ladder_rungs(a->ladder, &n);
    return port < n ? &rungs[port].sight : NULL;
}

int64_t account_certificate_expires(const struct account *a)
{
    return a->tls ? tls_context_expires(a->tls) : 0;
}

bool account_token(const struct account *a, struct token_view *view_r)
{
    bool api = a->env.api && !ports_have_smtp(&a->env.cfg->ports);
    return credential_token_view(api ? a->env.api->credential : a->credential, view_r);
}

const struct upstream_tally *account_tally(const struct account *a)
{
    return &a->tally;
}

void account_note_journal_refused(struct account *a)
{
    a->tally.journal_refused++;
}

void account_prove(struct account *a)
{
    pool_prove(a->pool);
}

const char *account_summary(const struct account *a, char *out, size_t size)
{
    size_t n;
    const struct rung *rungs = ladder_rungs(a->ladder, &n);
    return rungs_summary(rungs, n, out, size);
}

struct lease *account_acquire(struct account *a, const struct lease_wish *wish,
                              const struct lease_events *events, void *ctx)
{
    return pool_acquire(a->pool, wish, events, ctx);
}

void account_warm(struct account *a, const char *identity)
{
    pool_warm(a->pool, identity);
}

bool account_slots(const struct account *a, struct slots_view *view_r)
{
    return share_slots(a->share, view_r);
}

const struct cluster *accounts_cluster(const struct accounts *all)
{
    return all->cluster;
}

struct pool_counts account_pool_counts(const struct account *a)
{
    return pool_counts(a->pool);
}

/* ---- all accounts ---- */

/* Copies the list and frees the previous one. */
static void set_own(struct addr **own, size_t *nown, const struct addr *from, size_t n)
{
    *own = mem_resize(*own, (n + 1) * sizeof **own);
    if (n)
        memcpy(*own, from, n * sizeof **own);
    *nown = n;
}

static void tell_own(struct account *a, const struct accounts *all)
{
    set_own(&a->env.own, &a->env.nown, all->own, all->nown);
}

static struct accounts *accounts_empty(const struct io *io, struct config *config)
{
    struct accounts *all = NEW(struct accounts);
    all->io = io;
    all->config = config_ref(config);
    all->items = mem_alloc((config->nupstreams + 1) * sizeof *all->items);
    return all;
}

static void accounts_destroy(struct accounts *all)
{
    memory_unref(&all->memory);
    cluster_unref(&all->cluster);
    config_unref(&all->config);
    free(all->own);
    free(all->items);
    free(all);
}

static void discard(struct accounts *all)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->items[i])
            account_retire(all->items[i]);
    accounts_destroy(all);
}

/* One for each account of the new config, as long as the reload can still fail. */
struct renewal {
    struct account *kept;
    /* The index of `kept` in the old generation. */
    size_t place;
    struct tls_context *tls;
};

static bool is_out_of_reach(const struct upstream_config *cfg)
{
    return config_is_out_of_reach(cfg->tls_ca) || config_is_out_of_reach(cfg->tls_cert) ||
           config_is_out_of_reach(cfg->tls_key);
}

/* On a reload the process has given up root, and perhaps with it the right to read a file. Then the
 * context that was made of the same files stays; config has warned about it. Gives, or returns NULL
 * if there is none to keep. */
static struct tls_context *keep_tls(const struct accounts *old, const struct upstream_config *cfg)
{
    if (!is_out_of_reach(cfg))
        return NULL;
    for (size_t i = 0; old && i < old->n; i++)
        if (old->items[i] && old->items[i]->tls && settings_share_tls(old->items[i]->current, cfg))
            return tls_context_ref(old->items[i]->tls);
    return NULL;
}

/* Gives the context for the next account of `all`. */
static int find_tls(const struct accounts *all, const struct contexts *contexts,
                    const struct accounts *old, struct tls_context **tls_r, struct err *err)
{
    if (contexts_get(contexts, all->n, tls_r, err) == 0)
        return 0;
    *tls_r = keep_tls(old, &all->config->upstreams[all->n]);
    return *tls_r ? 0 : -1;
}

/* Joins the other instances, if the config says so. old: whose cluster stays if it is the same. */
static bool meet(struct accounts *all, const struct accounts *old, struct err *err)
{
    if (!all->config->cluster.is_on)
        return true;
    if (old && old->cluster && cluster_fits(old->cluster, all->config))
        all->cluster = cluster_ref(old->cluster);
    else
        all->cluster = cluster_new(all->io, all->config, err);
    return all->cluster != NULL;
}

struct accounts *accounts_new(const struct io *io, struct config *config, struct err *err)
{
    struct accounts *all = accounts_empty(io, config);
    struct contexts *contexts = contexts_new(config);
    struct tls_context *tls;
    all->memory = memory_open(io, config->server.state_dir);
    bool met = meet(all, NULL, err);
    for (; met && all->n < config->nupstreams && contexts_get(contexts, all->n, &tls, err) == 0;
         all->n++)
        all->items[all->n] = account_new(all, &config->upstreams[all->n], tls);
    contexts_free(&contexts);
    if (met && all->n == config->nupstreams) {
        config_forget_passwords(config);
        return all;
    }
    discard(all);
    return NULL;
}

/* Finds the account of the old generation that the new config describes, too, and stores it in *r
 * if there is one. Most files keep their order, so the search begins where the last one ended. */
static void find_equal(const struct accounts *old, const struct accounts *all,
                       const struct upstream_config *cfg, size_t *next, struct renewal *r)
{
    for (size_t i = 0; i < old->n; i++) {
        size_t place = (*next + i) % old->n;
        if (!old->items[place] || !account_fits(old->items[place], all, cfg))
            continue;
        r->kept = old->items[place];
        r->place = place;
        *next = place + 1;
        return;
    }
}

/* Makes everything that may fail. It does not touch kept accounts: their place in `all` stays
 * empty. */
static int prepare(struct accounts *all, const struct accounts *old,
                   const struct contexts *contexts, struct renewal *renewals, struct err *err)
{
    bool same_memory = all->memory == old->memory;
    size_t next = 0;
    for (; all->n < all->config->nupstreams; all->n++) {
        const struct upstream_config *cfg = &all->config->upstreams[all->n];
        struct renewal *r = &renewals[all->n];
        struct tls_context *tls;
        if (find_tls(all, contexts, old, &tls, err) < 0)
            return -1;
        if (same_memory)
            find_equal(old, all, cfg, &next, r);
        if (r->kept) {
            r->tls = tls;
            continue;
        }
        all->items[all->n] = account_new(all, cfg, tls);
        tell_own(all->items[all->n], all);
    }
    return 0;
}

/* An account that is made anew continues with the counters of the old account of that name, and
 * with the wait after a refused password. */
static void carry_over(struct account *a, const struct accounts *old)
{
    for (size_t k = 0; k < old->n; k++) {
        const struct account *before = old->items[k];
        if (!before || strcmp(before->current->name, a->current->name) != 0)
            continue;
        bool same_host = strcmp(before->current->host, a->current->host) == 0;
        a->tally = before->tally;
        if (a->current->password_kept)
            credential_take_over(a->credential, before->credential);
        if (same_host)
            credential_inherit(a->credential, before->credential);
        if (a->env.api && before->env.api)
            api_account_carry_over(a->env.api, before->env.api, same_host);
    }
}

static void commit(struct accounts *all, struct accounts *old, struct renewal *renewals)
{
    for (size_t i = 0; i < all->n; i++) {
        struct account *kept = renewals[i].kept;
        if (!kept) {
            carry_over(all->items[i], old);
            continue;
        }
        old->items[renewals[i].place] = NULL;
        all->items[i] = kept;
        account_renew(kept, all->config, &all->config->upstreams[i], renewals[i].tls);
        renewals[i].tls = NULL;
    }
}

struct accounts *accounts_reload(struct accounts **old, struct config *config,
                                 struct contexts *contexts, struct err *err)
{
    struct accounts *before = *old, *all = accounts_empty(before->io, config);
    struct renewal *renewals = mem_alloc((config->nupstreams + 1) * sizeof *renewals);
    bool stays = memory_is_in(before->memory, config->server.state_dir);
    all->memory =
        stays ? memory_ref(before->memory) : memory_open(before->io, config->server.state_dir);
    set_own(&all->own, &all->nown, before->own, before->nown);
    if (meet(all, before, err) && prepare(all, before, contexts, renewals, err) == 0) {
        commit(all, before, renewals);
        config_forget_passwords(config);
        if (before->cluster != all->cluster)
            cluster_retire(before->cluster);
        discard(before);
        *old = NULL;
    } else {
        discard(all);
        all = NULL;
    }
    for (size_t i = 0; i < config->nupstreams; i++)
        tls_context_unref(&renewals[i].tls);
    free(renewals);
    contexts_free(&contexts);
    return all;
}

void accounts_free(struct accounts **accounts)
{
    struct accounts *all = *accounts;
    *accounts = NULL;
    if (!all)
        return;
    for (size_t i = 0; i < all->n; i++)
        pool_refuse_all(all->items[i]->pool);
    discard(all);
}

void accounts_set_own_listeners(struct accounts *all, const struct addr *own, size_t n)
{
    set_own(&all->own, &all->nown, own, n);
    for (size_t i = 0; i < all->n; i++)
        tell_own(all->items[i], all);
}

void accounts_network_changed(struct accounts *all)
{
    for (size_t i = 0; i < all->n; i++) {
        pool_drop_idle(all->items[i]->pool);
        ladder_network_changed(all->items[i]->ladder);
    }
}

size_t accounts_count(const struct accounts *all)
{
    return all->n;
}

struct account *accounts_at(const struct accounts *all, size_t index)
{
    return index < all->n ? all->items[index] : NULL;
}

struct account *accounts_find(const struct accounts *all, const char *name)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->items[i]->current->name, name) == 0)
            return all->items[i];
    return NULL;
}
