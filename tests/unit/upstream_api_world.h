/* An account with the rung `443/api`, in the simulated world: what its tests share. */
#ifndef UPSTREAM_API_WORLD_H
#define UPSTREAM_API_WORLD_H

#include "upstream_world.h"

#include "base/mem.h"
#include "config/config.h"
#include "oauth/token.h"
#include "sim/sim_http.h"
#include "upstream/api_account.h"
#include "upstream/api_desk.h"
#include "upstream/contexts.h"
#include "upstream/finding.h"

#define MINUTE (60 * S)
#define TOKEN_FILE "/state/default.token"

/* tokens, messages: who answers; NULL: nobody. */
static inline void api_begin(struct world *w, sim_endpoint *tokens, sim_mail_endpoint *messages,
                             void *ctx)
{
    struct err err = {0};
    struct io *io = sim_io(w->sim);
    oauth_prepare();
    io->http = http_new(io->loop, &err);
    io->oauth = oauth_new(io, io->http);
    sim_http_serve(w->sim, tokens, ctx);
    sim_http_serve_mail(w->sim, messages, ctx);
    sim_file(w->sim, TOKEN_FILE, "r0\n");
}

/* The configuration, with a rung `443/api` behind its ports. */
static inline struct config *api_config(const char *ini, enum api_choice api, const char *scope)
{
    struct config *config = sim_config(ini);
    struct upstream_config *u = &config->upstreams[0];
    u->ports.items = mem_resize(u->ports.items, (u->ports.n + 1) * sizeof *u->ports.items);
    u->ports.items[u->ports.n++] = (struct port){443, PORT_API};
    u->api = api;
    u->oauth.api_scope = scope ? mem_string(scope) : NULL;
    return config;
}

/* Takes the configuration. */
static inline void api_load(struct world *w, struct config *config)
{
    struct err err = {0};
    w->accounts = accounts_new(sim_io(w->sim), config, &err);
    config_unref(&config);
    assert_non_null(w->accounts);
}

static inline void api_end(struct world *w)
{
    struct io *io = sim_io(w->sim);
    accounts_free(&w->accounts);
    sim_run_for(w->sim, 20 * S);
    oauth_free(&io->oauth);
    http_free(&io->http);
    world_end(w);
}

#endif
