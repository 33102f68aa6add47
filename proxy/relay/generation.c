#include "relay/generation.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static enum smtp_server_tls tls_of(const struct listen_config *l)
{
    switch (l->tls) {
    case LISTEN_TLS_OFF: break;
    case LISTEN_TLS_STARTTLS: return SMTP_SERVER_TLS_OFFERED;
    case LISTEN_TLS_REQUIRED: return SMTP_SERVER_TLS_REQUIRED;
    case LISTEN_TLS_IMPLICIT: return SMTP_SERVER_TLS_IMPLICIT;
    }
    return SMTP_SERVER_TLS_OFF;
}

static enum smtp_server_auth auth_of(const struct listen_config *l)
{
    switch (l->auth) {
    case LISTEN_AUTH_OFF: break;
    case LISTEN_AUTH_ACCEPT: return SMTP_SERVER_AUTH_ACCEPT;
    case LISTEN_AUTH_REQUIRED: return SMTP_SERVER_AUTH_REQUIRED;
    }
    return SMTP_SERVER_AUTH_OFF;
}

struct generation *generation_new(const struct io *io, struct copy_budget *budget,
                                  struct config *config, struct accounts *accounts,
                                  struct certificates *certificates)
{
    struct generation *g = NEW(struct generation);
    g->refs = 1;
    g->config = config_ref(config);
    g->delivery = (struct delivery_env){.io = io, .config = g->config, .budget = budget};
    g->certificates = certificates_ref(certificates);
    g->delivery.accounts = mem_alloc((config->nupstreams + 1) * sizeof(struct account *));
    for (size_t i = 0; i < config->nupstreams; i++)
        g->delivery.accounts[i] = account_ref(accounts_find(accounts, config->upstreams[i].name));
    g->listeners = mem_alloc((config->nlistens + 1) * sizeof *g->listeners);
    for (size_t i = 0; i < config->nlistens; i++) {
        const struct listen_config *l = &config->listens[i];
        g->listeners[i] = (struct listener_view){
            .config = l,
            .settings = {.hostname = config->server.hostname,
                         .max_message_size = l->max_message_size,
                         .listener = l->name,
                         .max_recipients = l->max_recipients,
                         .timeout = l->timeout,
                         .lf_line_endings = l->lf_line_endings,
                         .tls = tls_of(l),
                         .tls_context = certificates_tls(certificates, i),
                         .auth = auth_of(l)},
        };
    }
    return g;
}

struct generation *generation_ref(struct generation *g)
{
    g->refs++;
    return g;
}

void generation_let_accounts_go(struct generation *g)
{
    for (size_t i = 0; g->delivery.accounts && i < g->config->nupstreams; i++)
        account_unref(&g->delivery.accounts[i]);
    free(g->delivery.accounts);
    g->delivery.accounts = NULL;
}

void generation_unref(struct generation **g)
{
    struct generation *old = *g;
    *g = NULL;
    if (!old || --old->refs)
        return;
    generation_let_accounts_go(old);
    free(old->listeners);
    certificates_unref(&old->certificates);
    config_unref(&old->config);
    free(old);
}

const struct listener_view *generation_listener(const struct generation *g, const char *name)
{
    for (size_t i = 0; i < g->config->nlistens; i++)
        if (strcmp(g->listeners[i].config->name, name) == 0)
            return &g->listeners[i];
    return NULL;
}
