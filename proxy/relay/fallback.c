/* Another account for a message whose own does not work (PRODUCT `fallback`): followed once, and only while the client was promised nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "relay/relay_private.h"

static struct account *find(const struct transaction *t, const char *name, const struct upstream_config **upstream_r)
{
    const struct generation *g = t->generation;
    for (size_t i = 0; g->accounts && i < g->config->nupstreams; i++)
        if (strcmp(g->config->upstreams[i].name, name) == 0) {
            *upstream_r = &g->config->upstreams[i];
            return g->accounts[i];
        }
    return NULL;
}

bool transaction_fall_back(struct transaction *t, enum own own, const char *detail)
{
    const struct upstream_config *next = NULL;
    bool may = failure_is_worth_another_account(own) && t->upstream->fallback && !t->fell_back && !transaction_promised(t);
    struct account *account = may ? find(t, t->upstream->fallback, &next) : NULL;
    if (!account)
        return false;
    log_event(t->relay->io->log, LOG_WARN, "the account does not work: its fallback takes the message", log_str("id", t->message.id),
              log_str("upstream", t->upstream->name), log_str("why", detail && detail[0] ? detail : "credentials refused"), log_str("fallback", next->name));
    account_ref(account);
    account_unref(&t->account);
    t->account = account;
    t->upstream = next;
    t->fell_back = true;
    free(t->message.upstream);
    t->message.upstream = mem_string(next->name);
    transaction_acquire(t, 0);
    return true;
}
