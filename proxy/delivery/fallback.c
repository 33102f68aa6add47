#include "delivery/fallback.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "mail/rewrite_envelope.h"
#include "wire/utf8.h"

static struct account *find(const struct delivery *d, const char *name,
                            const struct upstream_config **upstream_r)
{
    const struct delivery_env *env = d->env;
    for (size_t i = 0; env->accounts && i < env->config->nupstreams; i++)
        if (strcmp(env->config->upstreams[i].name, name) == 0) {
            *upstream_r = &env->config->upstreams[i];
            return env->accounts[i];
        }
    return NULL;
}

/* Rewrites what the client said as the fallback is configured. If the fallback does not complete a
 * bare name, it stays as the first account completed it. */
static void rewrite_anew(struct delivery *d)
{
    struct address from = {0};
    bool whole = !d->message->from[0] || address_parse(slice_of(d->message->from), &from);
    char *sender = whole ? rewrite_sender(d->upstream, &from) : NULL;
    if (!sender)
        return;
    free(d->sender);
    free(d->message->sent_as);
    d->sender = sender;
    d->message->sent_as = strcmp(sender, d->message->from) == 0 ? NULL : mem_string(sender);
    d->wants_utf8 = d->wants_utf8 || utf8_has_high(slice_of(sender));
}

bool fallback_follow(struct delivery *d, enum own own, const char *detail)
{
    const struct upstream_config *next = NULL;
    bool may = failure_is_worth_another_account(own) && d->upstream->fallback && !d->fell_back &&
               !state_has_promised(d);
    struct account *account = may ? find(d, d->upstream->fallback, &next) : NULL;
    if (!account)
        return false;
    log_event(d->env->io->log, LOG_WARN,
              "the account does not work: its fallback takes the message",
              log_str("id", d->message->id), log_str("upstream", d->upstream->name),
              log_str("why", detail && detail[0] ? detail : "credentials refused"),
              log_str("fallback", next->name));
    account_ref(account);
    account_unref(&d->account);
    d->account = account;
    d->upstream = next;
    d->fell_back = true;
    rewrite_anew(d);
    free(d->message->upstream);
    d->message->upstream = mem_string(next->name);
    state_acquire(d, 0, false);
    return true;
}
