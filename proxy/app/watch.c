#include "app/watch.h"

#include <stdio.h>
#include <string.h>

#include "admin/snapshot.h"
#include "admin/text.h"
#include "alert/alarm.h"
#include "app/listeners.h"
#include "relay/certificates.h"
#include "relay/relay.h"
#include "spool/spool.h"

static const struct config *config(void *ctx)
{
    return *((struct watched *)ctx)->config;
}

static const struct accounts *accounts(void *ctx)
{
    return *((struct watched *)ctx)->accounts;
}

static unsigned clients(void *ctx, const char *listener)
{
    return relay_listener_clients(*((struct watched *)ctx)->relay, listener);
}

static int64_t expires(void *ctx, size_t listener)
{
    const struct tls_context *tls =
        certificates_tls(*((struct watched *)ctx)->certificates, listener);
    return tls ? tls_context_expires(tls) : 0;
}

static bool draining(void *ctx)
{
    return *((struct watched *)ctx)->draining;
}

static bool listening(void *ctx)
{
    const struct listeners *l = *((struct watched *)ctx)->listeners;
    return l && listeners_count(l) > 0;
}

static void show_share(const struct watched *watched, struct spool *s,
                       const struct spool_counts *found, struct spool_shown *out)
{
    static const struct spool_counts nothing = {.reason = "", .failed_reason = ""};
    const struct spool_counts counts = found ? *found : nothing;
    _Static_assert((int)SPOOL_TRIES == (int)SPOOL_TRY_COUNT, "a result that nobody shows");
    out->is_on = true;
    out->is_drained = *watched->closed > 0;
    bool is_wanted = (*watched->config)->spool.is_on && !out->is_drained;
    out->takes = is_wanted && store_is_full(spool_store(s)) == STORE_TAKES;
    out->is_full = is_wanted && !out->takes;
    out->waiting = counts.waiting + counts.sending;
    out->held = counts.held;
    out->failed = counts.failed;
    out->corrupt = store_corrupt(spool_store(s));
    out->bytes = counts.bytes;
    out->oldest = counts.oldest;
    out->alert_age = spool_options_of(s)->alert_age;
    out->next_in = counts.next ? counts.next - store_now(spool_store(s)) : 0;
    out->full[0] = store_refusals(spool_store(s), STORE_NO_SIZE);
    out->full[1] = store_refusals(spool_store(s), STORE_NO_MESSAGES);
    out->full[2] = store_refusals(spool_store(s), STORE_NO_DISK) +
                   store_refusals(spool_store(s), STORE_NO_TRUST);
    memcpy(out->tries, counts.tries, sizeof out->tries);
    out->bounces = counts.bounces;
    text_clean(out->reason, sizeof out->reason, slice_of(counts.reason));
    text_clean(out->failed_reason, sizeof out->failed_reason, slice_of(counts.failed_reason));
}

/* Accounts for which mail is kept though no page of theirs would show it. */
static void show_gone(const struct watched *watched, struct spool *spool,
                      const struct spool_census *census, struct snapshot *s)
{
    const struct accounts *all = *watched->accounts;
    for (size_t i = 0; i < census->n; i++) {
        const struct spool_share *share = &census->shares[i];
        const struct spool_counts *c = &share->counts;
        size_t k = 0;
        if (!(c->waiting || c->sending || c->held || c->failed))
            continue;
        while (k < accounts_count(all) &&
               strcmp(account_config(accounts_at(all, k))->name, share->account) != 0)
            k++;
        if (k == accounts_count(all))
            show_share(watched, spool, c, snapshot_add_gone(s, share->account));
    }
}

static void show_spool(void *ctx, struct snapshot *s)
{
    const struct watched *watched = ctx;
    struct spool *spool = *watched->spool;
    struct spool_census census;
    if (!spool)
        return;
    spool_census_take(spool, &census);
    show_share(watched, spool, &census.all, &s->spool);
    for (size_t i = 0; i < s->naccounts; i++) {
        const char *name = account_config(accounts_at(*watched->accounts, i))->name;
        show_share(watched, spool, spool_census_find(&census, name), &s->accounts[i].spool);
    }
    show_gone(watched, spool, &census, s);
    spool_census_free(&census);
}

/* The line that lets the client in, or how to find it where it would be too long. */
static void say_allow(const struct listen_config *l, const char *client, char *out, size_t size)
{
    char one[ADDR_TEXT];
    size_t len = (size_t)snprintf(out, size, "[listen %s] allow =", l->name);
    for (size_t i = 0; i < l->allow.n && len < size; i++)
        len +=
            (size_t)snprintf(out + len, size - len, " %s", network_text(&l->allow.items[i], one));
    if (len < size)
        len += (size_t)snprintf(out + len, size - len, " %s", client);
    if (len >= size)
        snprintf(out, size, "[listen %s] allow: add %s", l->name, client);
}

static bool is_allowed(const struct listen_config *l, const struct addr *client)
{
    for (size_t i = 0; i < l->allow.n; i++)
        if (network_contains(&l->allow.items[i], client))
            return true;
    return false;
}

static void say_cure(const struct listen_config *l, const struct addr *client,
                     struct refused_shown *r)
{
    char text[ADDR_TEXT];
    if (r->why == CLIENT_NOT_ALLOWED && is_allowed(l, client))
        snprintf(r->cure, sizeof r->cure, "[listen %s] allow has it now", l->name);
    else if (r->why == CLIENT_NOT_ALLOWED)
        say_allow(l, addr_text(client, text), r->cure, sizeof r->cure);
    else if (r->why == CLIENT_MAX_CLIENTS)
        snprintf(r->cure, sizeof r->cure, "[listen %s] max_clients = %u is reached", l->name,
                 l->max_clients);
    else if (r->why == CLIENT_MAX_CLIENTS_PER_IP)
        snprintf(r->cure, sizeof r->cure, "[listen %s] max_clients_per_ip = %u is reached", l->name,
                 l->max_clients_per_ip);
    else if (r->why == CLIENT_LOGIN_WRONG)
        snprintf(r->cure, sizeof r->cure,
                 "[listen %s] users_file does not have the name with this password", l->name);
    else
        snprintf(r->cure, sizeof r->cure,
                 "its mail would have come back here: the packet filter must except our user");
}

static void show_refused(void *ctx, struct snapshot *s)
{
    struct watched *watched = ctx;
    const struct config *cfg = *watched->config;
    const struct refused_clients *all = relay_refusals(*watched->relay);
    for (size_t i = 0; i < cfg->nlistens; i++)
        for (int why = 0; why < CLIENT_REFUSALS; why++)
            s->listeners[i].refused[why] =
                relay_refused(*watched->relay, cfg->listens[i].name, (enum client_refusal)why);
    for (size_t i = 0; i < all->n; i++) {
        const struct refused_client *client = &all->list[i];
        struct refused_shown *r = &s->refused[s->nrefused++];
        r->why = client->why;
        r->count = client->count;
        r->last_ms = client->last_ms;
        addr_text(&client->client, r->client);
        text_clean(r->listener, sizeof r->listener, slice_of(client->listener));
        for (size_t k = 0; k < cfg->nlistens; k++)
            if (strcmp(cfg->listens[k].name, client->listener) == 0)
                say_cure(&cfg->listens[k], &client->client, r);
    }
}

struct admin *watch_begin(const struct io *io, struct watched *watched)
{
    return watched->admin = admin_new(io, &(struct admin_source){.config = config,
                                                                 .accounts = accounts,
                                                                 .clients = clients,
                                                                 .expires = expires,
                                                                 .draining = draining,
                                                                 .listening = listening,
                                                                 .refused = show_refused,
                                                                 .spool = show_spool,
                                                                 .ctx = watched});
}

int watch_apply(struct admin *admin, const struct config *cfg, struct err *err)
{
    struct addr at;
    struct err why = {0};
    char address[ADDR_TEXT];
    if (admin_apply(admin, cfg, &at, &why) == 0)
        return 0;
    err_set(err, why.kind, "[admin] address %s: %s%s", addr_text_with_port(&at, address), why.words,
            listeners_advice(&at, &why));
    return -1;
}

static void show_alarm(void *ctx, struct alarm_view *view)
{
    const struct watched *w = ctx;
    *view = (struct alarm_view){.config = *w->config,
                                .accounts = *w->accounts,
                                .certificates = *w->certificates,
                                .spool = *w->spool,
                                .keeps = (*w->config)->spool.is_on && *w->closed == 0};
}

struct alarm *watch_alarm(const struct io *io, struct watched *watched)
{
    return alarm_new(io, show_alarm, watched);
}

/* Whoever is called must be, before mail fails. */
void watch_apply_alarm(struct watched *watched, struct alarm *alarm)
{
    alarm_apply(alarm);
    admin_keep_proven(watched->admin, (*watched->config)->alert.is_on);
}

static void ended(void *ctx, const struct message *m)
{
    struct watched *watched = ctx;
    if (m->result == RESULT_DELIVERED)
        watched->delivered_ms = m->ended_ms;
    admin_message(watched->admin, m);
}

struct message_watch watch_messages(struct watched *watched)
{
    return (struct message_watch){.ended = ended, .ctx = watched};
}
