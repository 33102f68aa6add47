/* Plays a plan: makes the world, puts the product in, lets the clients come, drains, closes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/listener.h"
#include "io/netwatch.h"
#include "oauth/token.h"
#include "relay/certificates.h"
#include "relay/relay.h"
#include "sim_config.h"
#include "sim_history.h"
#include "sim_world.h"
#include "spool/spool.h"
#include "upstream/account.h"
#include "upstream/contexts.h"

/* seconds of virtual time that a history may take */
enum { LONGEST = 4 * 3600, SIX_DAYS = 6 * 86400 };

void sim_plan_init(struct sim_plan *plan, uint64_t seed)
{
    *plan = (struct sim_plan){.seed = seed, .listener = "127.0.0.1:25"};
    plan->client_path = (struct sim_path){.latency = USEC_PER_MS, .window = 65536, .segment = 1460};
    plan->client_path.hole_up = plan->client_path.hole_down = plan->client_path.reset_up =
        plan->client_path.reset_down = SIM_NEVER;
    plan->needs_sealed = plan->needs_genuine = true;
}

void sim_plan_free(struct sim_plan *plan)
{
    for (size_t i = 0; i < plan->ntexts; i++)
        free(plan->texts[i]);
    free(plan->texts);
    *plan = (struct sim_plan){0};
}

static const char *keep(struct sim_plan *plan, char *text)
{
    plan->texts = mem_resize(plan->texts, (plan->ntexts + 1) * sizeof *plan->texts);
    plan->texts[plan->ntexts++] = text;
    return text;
}

const char *sim_plan_text(struct sim_plan *plan, const char *fmt, ...)
{
    char text[4000];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return keep(plan, mem_string(text));
}

const char *sim_plan_octets(struct sim_plan *plan, const void *data, size_t n)
{
    return keep(plan, mem_copy(data, n));
}

struct sim_place *sim_plan_place(struct sim_plan *plan, const char *at,
                                 const struct sim_upstream_script *script)
{
    struct sim_place *p = &plan->places[plan->nplaces++];
    snprintf(p->at, sizeof p->at, "%s", at);
    p->path = plan->client_path;
    p->path.latency = 5 * USEC_PER_MS;
    p->listens = script != NULL;
    if (script)
        p->script = *script;
    return p;
}

static void on_accept(void *ctx, struct transport *t)
{
    struct sim_play *play = ctx;
    relay_accept(play->relay, play->config->listens[0].name, t);
}

static void build_network(struct sim_play *play)
{
    const struct sim_plan *plan = play->plan;
    for (size_t i = 0; i < plan->nnames; i++) {
        const struct sim_plan_name *n = &plan->names[i];
        sim_name(play->sim, n->host, n->addresses);
        sim_name_manner(play->sim, n->host, ADDR_V4, n->manner[0], n->delay[0]);
        sim_name_manner(play->sim, n->host, ADDR_V6, n->manner[1], n->delay[1]);
    }
    for (size_t i = 0; i < plan->nplaces; i++) {
        const struct sim_place *p = &plan->places[i];
        *sim_path(play->sim, p->at) = p->path;
        struct sim_upstream_script script = p->script;
        if (plan->service.used && script.account == 0) {
            script.takes = sim_service_takes;
            script.takes_ctx = &play->service;
        }
        if (p->listens)
            play->upstreams[i] = sim_upstream_new(play->sim, play->ledger, p->at, &script);
    }
    *sim_path(play->sim, plan->listener) = plan->client_path;
}

static struct certificates *make_certificates(struct sim_play *play, const struct config *config)
{
    struct err err;
    struct certificates *certificates =
        certificates_new(config, NULL, sim_io(play->sim)->log, &err);
    if (!certificates) {
        fprintf(stderr, "certificates: %s\n", err.words);
        abort();
    }
    return certificates;
}

static void network_changed(void *ctx)
{
    struct sim_play *play = ctx;
    accounts_network_changed(play->accounts);
    if (play->spool)
        spool_awake(play->spool, NULL);
}

/* The plan's first account, wherever it stands. */
static struct upstream_config *first_account(struct config *config)
{
    for (size_t i = 0; i < config->nupstreams; i++)
        if (strcmp(config->upstreams[i].name, "default") == 0)
            return &config->upstreams[i];
    return &config->upstreams[0];
}

static struct config *read_config(const struct sim_play *play, const char *ini)
{
    struct config *config = sim_config(ini);
    const struct sim_api_script *api = &play->plan->api;
    struct upstream_config *u = first_account(config);
    if (api->service == API_NONE)
        return config;
    u->ports.items = mem_resize(u->ports.items, (u->ports.n + 1) * sizeof *u->ports.items);
    u->ports.items[u->ports.n++] = (struct port){443, PORT_API};
    u->api = api->service;
    u->api_secret = secret_new(slice_of(api->secret));
    return config;
}

static bool speaks_https(const struct sim_play *play)
{
    return play->plan->service.used || play->plan->api.service != API_NONE;
}

/* What the daemon does at its start. */
static void product_start(struct sim_play *play, const char *ini)
{
    struct err err;
    struct addr at;
    struct io *io = sim_io(play->sim);
    play->config = read_config(play, ini);
    if (speaks_https(play)) {
        oauth_prepare();
        io->http = http_new(io->loop, &err);
        io->oauth = oauth_new(io, io->http);
    }
    play->accounts = accounts_new(io, play->config, &err);
    if (!play->accounts || !addr_parse_with_port(slice_of(play->plan->listener), &at)) {
        fprintf(stderr, "accounts: %s\n", err.words);
        abort();
    }
    struct certificates *certificates = make_certificates(play, play->config);
    play->relay = relay_new(io, play->config, play->accounts, certificates);
    certificates_unref(&certificates);
    if (play->plan->keeps.when != KEEP_WHEN_NEVER)
        sim_keeps_start(play);
    play->listener = listener_open(io->loop, &at, on_accept, play, &err);
    play->netwatch = netwatch_new(io->loop, network_changed, play);
}

static bool nothing_is_written(void *ctx)
{
    return !oauth_is_writing(sim_io(((struct sim_play *)ctx)->sim)->oauth);
}

/* Who ends in order waits for a refresh token that is under way; who is killed does not, and what
 * was not on the disk by then is lost. */
static void tokens_free(struct sim_play *play, bool killed)
{
    struct io *io = sim_io(play->sim);
    if (!io->oauth)
        return;
    if (killed)
        sim_disk_dies(play->sim);
    else
        (void)sim_run_until(play->sim, nothing_is_written, play, 20 * USEC_PER_SEC);
    oauth_free(&io->oauth);
    http_free(&io->http);
}

static void product_free(struct sim_play *play, bool killed)
{
    listener_close(&play->listener);
    netwatch_free(&play->netwatch);
    relay_free(&play->relay);
    spool_free(&play->spool);
    accounts_free(&play->accounts);
    tokens_free(play, killed);
    config_unref(&play->config);
}

/* ... and at SIGHUP. */
void sim_play_reload(struct sim_play *play, const char *ini)
{
    struct err err;
    struct config *fresh = read_config(play, ini);
    struct accounts *accounts = accounts_reload(&play->accounts, fresh, contexts_new(fresh), &err);
    if (!accounts) {
        fprintf(stderr, "accounts: %s\n", err.words);
        abort();
    }
    play->accounts = accounts;
    struct certificates *certificates = make_certificates(play, fresh);
    relay_reload(play->relay, fresh, accounts, certificates);
    certificates_unref(&certificates);
    struct config *old = play->config;
    play->config = fresh;
    if (play->spool)
        sim_keeps_reload(play);
    config_unref(&old);
}

void sim_play_begin(struct sim_play *play, const struct sim_plan *plan, bool verbose)
{
    *play = (struct sim_play){.plan = plan, .sim = sim_new(plan->seed), .ledger = sim_ledger_new()};
    sim_be_verbose(play->sim, verbose);
    play->sim->loop->work_takes = plan->work_takes;
    if (plan->api.service != API_NONE)
        sim_api_begin(&play->api, play->sim, play->ledger, &plan->api, plan->seed);
    if (plan->service.used)
        sim_service_begin(&play->service, play->sim, &plan->service, plan->seed, plan->password);
    build_network(play);
    sim_several_engine(play);
    product_start(play, plan->ini);
    sim_several_begin(play);
    for (size_t i = 0; i < plan->nclients; i++)
        play->clients[i] = sim_client_new(play->sim, &plan->clients[i], plan->delays[i]);
}

static void is_drained(void *ctx)
{
    ((struct sim_play *)ctx)->drained = true;
}

static void drain(struct sim_play *play)
{
    sim_say(play->sim, "drain");
    play->draining = true;
    listener_close(&play->listener);
    relay_drain(play->relay, is_drained, play);
    sim_several_drain(play);
}

static bool all_done(void *ctx)
{
    const struct sim_play *play = ctx;
    for (size_t i = 0; i < play->plan->nclients; i++)
        if (!sim_client_is_done(play->clients[i]))
            return false;
    return true;
}

static bool has_drained(void *ctx)
{
    const struct sim_play *play = ctx;
    return play->drained && sim_several_have_drained(play);
}

/* The relay first: what its last clients gave is on the disk then. */
static bool spool_has_drained(struct sim_play *play)
{
    play->drained = false;
    spool_drain(play->spool, is_drained, play);
    return sim_run_until(play->sim, has_drained, play, LONGEST * USEC_PER_SEC);
}

/* The machine stops in the midst of it all, and starts again. */
static void stop(struct sim_play *play, size_t i)
{
    const struct sim_keeps *keeps = &play->plan->keeps;
    sim_keeps_stop(play);
    product_free(play, true);
    play->stops[play->nstops - 1].said_again = sim_log_count(play->sim);
    sim_disk_crash(play->sim, keeps->cuts_power[i]);
    sim_keeps_crash(play);
    sim_keeps_off(play, keeps->off[i], keeps->wakes_in_1970[i]);
    play->restarted = true;
    product_start(play, play->plan->ini);
}

static bool is_still_or_stopped(void *ctx)
{
    struct sim_play *play = ctx;
    if (sim_disk_has_halted(play->sim))
        return true;
    sim_keeps_watch(play);
    return sim_keeps_turn_is_due(play) || (all_done(play) && sim_keeps_is_empty(play));
}

/* With all that befalls it; false: the limit came first. */
static bool run_until_still(struct sim_play *play, usec limit)
{
    for (usec end = sim_now(play->sim) + limit;;) {
        bool ended = sim_run_until(play->sim, is_still_or_stopped, play, end - sim_now(play->sim));
        if (!ended || sim_disk_has_halted(play->sim) || !sim_keeps_turn_is_due(play))
            return ended;
        sim_keeps_turn(play);
    }
}

/* Whatever happened, with whole servers every message ends. */
static bool run_kept(struct sim_play *play)
{
    const struct sim_keeps *keeps = &play->plan->keeps;
    for (size_t i = 0; i <= keeps->nstops; i++) {
        sim_disk_halt_after(play->sim, i < keeps->nstops ? keeps->stops[i] : SIM_NEVER);
        (void)run_until_still(play, 7200 * USEC_PER_SEC);
        if (sim_disk_has_halted(play->sim))
            stop(play, i);
    }
    sim_disk_halt_after(play->sim, SIM_NEVER);
    sim_keeps_heal(play);
    bool ended = run_until_still(play, SIX_DAYS * USEC_PER_SEC);
    /* the disk's calls that nobody waits for */
    sim_run_for(play->sim, 2 * USEC_PER_SEC);
    return ended;
}

static void cut_upstreams(struct sim_play *play)
{
    struct addr listener;
    if (!addr_parse_with_port(slice_of(play->plan->listener), &listener))
        abort();
    for (size_t i = 0; i < play->sim->nconns; i++) {
        struct sim_end *e = &play->sim->conns[i]->ends[SIM_UP];
        if (!e->closed && !(addr_equal(&e->peer, &listener) && e->peer.port == listener.port))
            sim_end_cut(e);
    }
}

static void turn(struct sim_play *play, const struct sim_change *c)
{
    static const char *const names[] = {"reload", "network change",
                                        "network change, all links dead", "restart", "kill"};
    sim_say(play->sim, "%s", names[c->what]);
    switch (c->what) {
    case SIM_TURN_RELOAD: sim_play_reload(play, c->ini); break;
    case SIM_TURN_CUT:
        cut_upstreams(play);
        /* fall through */
    case SIM_TURN_NETWORK: sim_network_change(play->sim); break;
    case SIM_TURN_RESTART:
        drain(play);
        /* never: the end says so */
        (void)sim_run_until(play->sim, has_drained, play, LONGEST * USEC_PER_SEC);
        if (!play->drained)
            return;
        /* fall through */
    case SIM_TURN_KILL:
        product_free(play, c->what == SIM_TURN_KILL);
        sim_run_for(play->sim, 2 * USEC_PER_SEC);
        play->drained = play->draining = false;
        play->restarted = true;
        product_start(play, c->ini);
        break;
    case SIM_TURN_COUNT: break;
    }
}

bool sim_play_run(struct sim_play *play)
{
    for (size_t i = 0; i < play->plan->nchanges; i++) {
        const struct sim_change *c = &play->plan->changes[i];
        /* the clock starts at one second */
        usec now = sim_now(play->sim) - USEC_PER_SEC;
        if (c->at > now)
            sim_run_for(play->sim, c->at - now);
        turn(play, c);
    }
    if (play->plan->drain_at > 0) {
        sim_run_for(play->sim, play->plan->drain_at);
        drain(play);
    }
    bool keeps = play->plan->keeps.when != KEEP_WHEN_NEVER;
    bool done =
        keeps ? run_kept(play) : sim_run_until(play->sim, all_done, play, LONGEST * USEC_PER_SEC);
    play->ended = sim_now(play->sim);
    if (!play->draining)
        drain(play);
    done = sim_run_until(play->sim, has_drained, play, LONGEST * USEC_PER_SEC) && done;
    if (!keeps || !done)
        return done;
    done = spool_has_drained(play);
    sim_keeps_end(play);
    return done;
}

void sim_play_close(struct sim_play *play)
{
    product_free(play, false);
    sim_several_end(play);
    /* goodbyes, state files */
    sim_run_for(play->sim, 30 * USEC_PER_SEC);
    for (size_t i = 0; i < play->plan->nplaces; i++)
        sim_upstream_free(&play->upstreams[i]);
    sim_run_for(play->sim, USEC_PER_SEC);
}

void sim_play_free(struct sim_play *play)
{
    for (size_t i = 0; i < play->plan->nclients; i++)
        sim_client_free(&play->clients[i]);
    sim_api_end(&play->api);
    sim_ledger_free(&play->ledger);
    sim_free(&play->sim);
}

uint64_t sim_play_whole(const struct sim_plan *plan, bool verbose, struct sim_verdict *verdict_r)
{
    struct sim_play play;
    sim_play_begin(&play, plan, verbose);
    bool ended = sim_play_run(&play);
    sim_play_close(&play);
    sim_judge(&play, ended, verdict_r);
    uint64_t hash = sim_trace_hash(play.sim);
    sim_play_free(&play);
    return hash;
}
