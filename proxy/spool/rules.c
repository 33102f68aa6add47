#include "spool/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/route.h"

struct rules *rules_new(const struct io *io, struct copy_budget *budget, struct config *config,
                        struct accounts *accounts, const struct names *names)
{
    struct rules *r = NEW(struct rules);
    r->refs = 1;
    r->names = names;
    r->delivery = (struct delivery_env){.io = io, .config = config_ref(config), .budget = budget};
    r->delivery.accounts = mem_alloc((config->nupstreams + 1) * sizeof(struct account *));
    for (size_t i = 0; i < config->nupstreams; i++)
        r->delivery.accounts[i] = account_ref(accounts_find(accounts, config->upstreams[i].name));
    return r;
}

struct rules *rules_ref(struct rules *rules)
{
    rules->refs++;
    return rules;
}

void rules_unref(struct rules **rules)
{
    struct rules *r = *rules;
    *rules = NULL;
    if (!r || --r->refs)
        return;
    for (size_t i = 0; i < r->delivery.config->nupstreams; i++)
        account_unref(&r->delivery.accounts[i]);
    free(r->delivery.accounts);
    config_unref(&r->delivery.config);
    free(r);
}

size_t rules_account(const struct rules *rules, const char *name)
{
    const struct config *config = rules->delivery.config;
    for (size_t i = 0; i < config->nupstreams; i++)
        if (strcmp(config->upstreams[i].name, name) == 0)
            return i;
    return ROUTE_NONE;
}

bool rules_sender(const struct spool_envelope *e, struct address *from_r)
{
    *from_r = (struct address){0};
    return !e->sender[0] || address_parse(slice_of(e->sender), from_r);
}

size_t rules_route(const struct rules *rules, const struct spool_envelope *e)
{
    struct addr client = {0}, original = {0};
    struct address from;
    struct route_question q = {.config = rules->delivery.config,
                               .client = &client,
                               .user = e->login[0] ? e->login : NULL,
                               .original = &original,
                               .names = rules->names};
    if (!addr_parse(slice_of(e->client), &client))
        client = (struct addr){0};
    if (!addr_parse_with_port(slice_of(e->destination), &original) &&
        !addr_parse(slice_of(e->destination), &original))
        original = (struct addr){0};
    for (size_t i = 0; i < q.config->nlistens; i++)
        if (strcmp(q.config->listens[i].name, e->listener) == 0)
            q.listener = &q.config->listens[i];
    return rules_sender(e, &from) ? route_find(&q, &from) : ROUTE_NONE;
}

char *rules_own_address(const struct rules *rules, const struct upstream_config *u)
{
    char text[512];
    if (u->envelope_from)
        return mem_string(u->envelope_from);
    if (u->username && strchr(u->username, '@'))
        return mem_string(u->username);
    snprintf(text, sizeof text, "postmaster@%s",
             u->qualify ? u->qualify : rules->delivery.config->server.hostname);
    return mem_string(text);
}
