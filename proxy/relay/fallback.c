/* Another account for a message whose own does not work (proxy.ini `fallback`): followed once, and
 * only while the client was promised nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "mail/rewrite_envelope.h"
#include "relay/relay_private.h"
#include "wire/utf8.h"

static struct account *find(const struct transaction *t, const char *name,
                            const struct upstream_config **upstream_r)
{
    const struct generation *g = t->generation;
    for (size_t i = 0; g->accounts && i < g->config->nupstreams; i++)
        if (strcmp(g->config->upstreams[i].name, name) == 0) {
            *upstream_r = &g->config->upstreams[i];
            return g->accounts[i];
        }
    return NULL;
}

/* The fallback's own rewriting, from what the client said; a bare name that it does not complete
 * stays as the first account completed it. */
static void rewrite_anew(struct transaction *t)
{
    struct address from = {0};
    bool whole = !t->message.from[0] || address_parse(slice_of(t->message.from), &from);
    char *sender = whole ? rewrite_sender(t->upstream, &from) : NULL;
    if (!sender)
        return;
    free(t->sender);
    free(t->message.sent_as);
    t->sender = sender;
    t->message.sent_as = strcmp(sender, t->message.from) == 0 ? NULL : mem_string(sender);
    t->wants_utf8 = t->wants_utf8 || utf8_has_high(slice_of(sender));
}

bool transaction_fall_back(struct transaction *t, enum own own, const char *detail)
{
    const struct upstream_config *next = NULL;
    bool may = failure_is_worth_another_account(own) && t->upstream->fallback && !t->fell_back &&
               !transaction_promised(t);
    struct account *account = may ? find(t, t->upstream->fallback, &next) : NULL;
    if (!account)
        return false;
    log_event(t->relay->io->log, LOG_WARN,
              "the account does not work: its fallback takes the message",
              log_str("id", t->message.id), log_str("upstream", t->upstream->name),
              log_str("why", detail && detail[0] ? detail : "credentials refused"),
              log_str("fallback", next->name));
    account_ref(account);
    account_unref(&t->account);
    t->account = account;
    t->upstream = next;
    t->fell_back = true;
    rewrite_anew(t);
    free(t->message.upstream);
    t->message.upstream = mem_string(next->name);
    transaction_acquire(t, 0, false);
    return true;
}
