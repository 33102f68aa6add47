#include "upstream/contexts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "upstream/settings.h"

struct made {
    /* NULL if it is not needed or could not be made. */
    struct tls_context *tls;
    struct err err;
    bool failed;
};

struct contexts {
    struct made *items;
    size_t n;
};

static bool same_authorities(const struct upstream_config *a, const struct upstream_config *b)
{
    return a->tls_ca && b->tls_ca ? strcmp(a->tls_ca, b->tls_ca) == 0 : a->tls_ca == b->tls_ca;
}

static void make(struct contexts *all, const struct config *config)
{
    const struct upstream_config *cfg = &config->upstreams[all->n];
    const struct tls_context *trust_of = NULL;
    struct made *next = &all->items[all->n];
    for (size_t i = 0; i < all->n; i++) {
        struct tls_context *tls = all->items[i].tls;
        if (tls && settings_share_tls(&config->upstreams[i], cfg)) {
            next->tls = tls_context_ref(tls);
            return;
        }
        if (tls && !trust_of && same_authorities(&config->upstreams[i], cfg))
            trust_of = tls;
    }
    next->failed = settings_tls(cfg, trust_of, &next->tls, &next->err) != 0;
}

struct contexts *contexts_new(const struct config *config)
{
    struct contexts *all = NEW(struct contexts);
    all->items = mem_alloc((config->nupstreams + 1) * sizeof *all->items);
    for (; all->n < config->nupstreams; all->n++)
        make(all, config);
    return all;
}

void contexts_free(struct contexts **contexts)
{
    struct contexts *all = *contexts;
    *contexts = NULL;
    if (!all)
        return;
    for (size_t i = 0; i < all->n; i++)
        tls_context_unref(&all->items[i].tls);
    free(all->items);
    free(all);
}

int contexts_get(const struct contexts *contexts, size_t index, struct tls_context **tls_r,
                 struct err *err)
{
    const struct made *made = &contexts->items[index];
    *tls_r = made->tls ? tls_context_ref(made->tls) : NULL;
    if (made->failed)
        *err = made->err;
    return made->failed ? -1 : 0;
}
