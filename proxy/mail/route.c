#include "mail/route.h"

#include <string.h>

static bool same_word(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.data[i]) != ascii_lower(b.data[i]))
            return false;
    return true;
}

bool route_sender_matches(const char *pattern, const struct address *from)
{
    struct slice p = slice_of(pattern);
    if (slice_is(p, "*"))
        return true;
    if (slice_is(p, "<>"))
        return from->text.len == 0;
    if (from->text.len == 0)
        return false;
    /* It is the last one, because a quoted local part may hold another. */
    const char *at = strrchr(pattern, '@');
    if (!at)
        return false;
    struct slice local = slice_head(p, (size_t)(at - pattern));
    struct slice domain = slice_of(at + 1);
    bool local_fits = local.len == 0 || same_word(local, from->local);
    bool domain_fits = slice_is(domain, "*") || same_word(domain, from->domain);
    return local_fits && domain_fits;
}

static bool sender_fits(const struct upstream_config *u, const struct address *from)
{
    for (size_t i = 0; i < u->senders.n; i++)
        if (route_sender_matches(u->senders.items[i], from))
            return true;
    return u->senders.n == 0;
}

static bool client_fits(const struct upstream_config *u, const struct addr *client)
{
    for (size_t i = 0; i < u->clients.n; i++)
        if (network_contains(&u->clients.items[i], client))
            return true;
    return u->clients.n == 0;
}

static bool user_fits(const struct upstream_config *u, const char *user)
{
    for (size_t i = 0; user && i < u->users.n; i++)
        if (strcmp(u->users.items[i], user) == 0)
            return true;
    return u->users.n == 0;
}

/* Before AUTH the user is unknown, so any `users` may still match. */
static bool user_may_fit(const struct route_question *q, const struct upstream_config *u)
{
    return user_fits(u, q->user) ||
           (!q->user && q->listener && q->listener->auth == LISTEN_AUTH_REQUIRED);
}

/* An account with `destinations` never matches a client that was not intercepted. */
static enum names_verdict destination_fits(const struct route_question *q,
                                           const struct upstream_config *u)
{
    enum names_verdict verdict = NAMES_NO;
    if (u->destinations.n == 0)
        return NAMES_YES;
    if (!q->original || q->original->family == ADDR_NONE)
        return NAMES_NO;
    for (size_t i = 0; i < u->destinations.n && verdict != NAMES_YES; i++) {
        const struct destination *d = &u->destinations.items[i];
        enum names_verdict one = d->name ? names_have(q->names, d->name, q->original)
                                 : network_contains(&d->network, q->original) ? NAMES_YES
                                                                              : NAMES_NO;
        if (one != NAMES_NO)
            verdict = one;
    }
    return verdict;
}

/* A listener's `upstream` leaves no choice, whatever the patterns say. */
static bool is_pinned(const struct route_question *q)
{
    return q->listener && q->listener->upstream;
}

static bool is_pinned_to(const struct route_question *q, size_t index)
{
    return strcmp(q->listener->upstream, q->config->upstreams[index].name) == 0;
}

enum route_miss route_judge(const struct route_question *q, size_t index,
                            const struct address *from)
{
    const struct upstream_config *u = &q->config->upstreams[index];
    if (is_pinned(q))
        return is_pinned_to(q, index) ? ROUTE_FITS : ROUTE_PINNED;
    if (!client_fits(u, q->client))
        return ROUTE_CLIENT;
    if (!user_fits(u, q->user))
        return ROUTE_USER;
    if (!sender_fits(u, from))
        return ROUTE_SENDER;
    switch (destination_fits(q, u)) {
    case NAMES_YES: break;
    case NAMES_UNKNOWN: return ROUTE_UNKNOWN;
    case NAMES_NO: return ROUTE_DESTINATION;
    }
    return ROUTE_FITS;
}

size_t route_find(const struct route_question *q, const struct address *from)
{
    for (size_t i = 0; i < q->config->nupstreams; i++) {
        enum route_miss miss = route_judge(q, i, from);
        if (miss == ROUTE_FITS)
            return i;
        if (miss == ROUTE_UNKNOWN)
            return ROUTE_LATER;
    }
    return ROUTE_NONE;
}

bool route_takes_all(const struct route_question *q, size_t index)
{
    const struct upstream_config *u = &q->config->upstreams[index];
    if (is_pinned(q))
        return is_pinned_to(q, index);
    return u->senders.n == 0 && client_fits(u, q->client) && user_fits(u, q->user) &&
           destination_fits(q, u) == NAMES_YES;
}

bool route_may_take(const struct route_question *q, size_t index)
{
    const struct upstream_config *u = &q->config->upstreams[index];
    if (is_pinned(q))
        return is_pinned_to(q, index);
    return client_fits(u, q->client) && user_may_fit(q, u) && destination_fits(q, u) != NAMES_NO;
}
