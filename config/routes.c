/* Rules about which clients may come in and where their mail goes: between listeners, between
 * accounts, and from one to the other. */
#include <stdio.h>
#include <string.h>

#include "config/coverage.h"
#include "config/load.h"

/* --- listeners --- */

/* Returns where clients from elsewhere reach the listener: the first address beyond loopback, or a
 * socket that a service manager made. Returns NULL if they cannot. */
static const char *way_in(const struct listen_config *c, char text[ADDR_TEXT])
{
    if (c->address.passed.n)
        return "the socket";
    for (size_t i = 0; i < c->address.n; i++)
        if (!addr_is_loopback(&c->address.items[i]))
            return addr_text_with_port(&c->address.items[i], text);
    return NULL;
}

static void check_open_relay(struct loading *l, const struct section *s)
{
    const struct listen_config *c = section_struct(l, s);
    char text[ADDR_TEXT];
    const char *in = way_in(c, text), *allowed = networks_world(&c->allow),
               *balancers = networks_world(&c->proxy_protocol);
    if (is_bad(s, "address") || is_bad(s, "open_relay") || c->open_relay || !in)
        return;
    if (allowed && !is_bad(s, "allow") && c->auth != LISTEN_AUTH_REQUIRED && !is_bad(s, "auth"))
        complain(l, s, "allow",
                 "it covers %s: everybody who reaches %s could send mail in your name; allowed: "
                 "your own networks, "
                 "auth = required, or open_relay = yes",
                 allowed, in);
    /* A forged loopback source could even log in without TLS. */
    if (balancers && !is_bad(s, "proxy_protocol"))
        complain(l, s, "proxy_protocol",
                 "it covers %s: everybody who reaches %s could claim to be any client, one of this "
                 "machine too, and send mail in your "
                 "name; allowed: the addresses of your load balancers, or open_relay = yes",
                 balancers, in);
}

/* Two sockets cannot have one address. Nor can one have a whole family's port while another has the
 * same port of one address in it. */
static bool collide(const struct addr *a, const struct addr *b)
{
    return a->port == b->port && a->family == b->family &&
           (addr_is_any(a) || addr_is_any(b) || (addr_equal(a, b) && a->scope == b->scope));
}

static void check_collisions(struct loading *l, const struct section *s, const struct addr *a,
                             size_t nth)
{
    char text[ADDR_TEXT], other[ADDR_TEXT];
    for (size_t i = 0; i < l->nsections; i++) {
        const struct section *t = &l->sections[i];
        if (t->id != SECTION_LISTEN || t->repeat || is_bad(t, "address"))
            continue;
        const struct listen_config *c = section_struct(l, t);
        for (size_t j = 0; j < (t == s ? nth : c->address.n); j++)
            if (collide(a, &c->address.items[j])) {
                complain(l, s, "address", "%s is taken already: %s%s has %s",
                         addr_text_with_port(a, text), t->title,
                         is_given(t, "address") ? "" : " (by default)",
                         addr_text_with_port(&c->address.items[j], other));
                return;
            }
        if (t == s)
            return;
    }
}

static bool has_v4_port(const struct addr *items, size_t n, uint16_t port)
{
    for (size_t i = 0; i < n; i++)
        if (items[i].family == ADDR_V4 && items[i].port == port)
            return true;
    return false;
}

static bool any_v4_port(const struct loading *l, uint16_t port)
{
    const struct config *c = l->config;
    for (size_t i = 0; i < c->nlistens; i++)
        if (has_v4_port(c->listens[i].address.items, c->listens[i].address.n, port))
            return true;
    return has_v4_port(c->admin.address.items, c->admin.address.n, port);
}

/* On Linux a socket at [::] can accept IPv4, too. Ours never does, so that [::] and 0.0.0.0 can be
 * used side by side. */
static void check_any_v6(struct loading *l, const struct section *s, const struct addr *at)
{
    unsigned port = at->port;
    if (at->family == ADDR_V6 && addr_is_any(at) && !any_v4_port(l, at->port))
        advise(l, s, "address", "[::]:%u takes IPv6 only; for IPv4 as well: [::]:%u 0.0.0.0:%u",
               port, port, port);
}

/* A passed socket belongs to one listener. */
static void check_passed(struct loading *l, const struct section *s, const char *name)
{
    for (const struct section *t = l->sections; t < s; t++) {
        const struct listen_config *c = section_struct(l, t);
        for (size_t i = 0; t->id == SECTION_LISTEN && !t->repeat && !is_bad(t, "address") &&
                           i < c->address.passed.n;
             i++)
            if (strcmp(c->address.passed.items[i], name) == 0)
                complain(l, s, "address", "systemd%s%s is taken already by %s", *name ? ":" : "",
                         name, t->title);
    }
}

/* --- the admin address --- */

static void check_admin(struct loading *l, const struct section *s)
{
    const struct admin_config *c = section_struct(l, s);
    char text[ADDR_TEXT];
    bool everybody = networks_world(&c->allow) != NULL;
    if (s->repeat || is_bad(s, "address"))
        return;
    if (is_given(s, "allow") && c->address.n == 0)
        advise(l, s, "allow", "without effect: there is no address");
    if (is_given(s, "hosts") && c->address.n == 0)
        advise(l, s, "hosts", "without effect: there is no address");
    for (size_t i = 0; i < c->address.n; i++) {
        check_collisions(l, s, &c->address.items[i], 0);
        check_any_v6(l, s, &c->address.items[i]);
        for (size_t j = 0; j < i; j++)
            if (collide(&c->address.items[i], &c->address.items[j]))
                complain(l, s, "address", "%s is there twice",
                         addr_text_with_port(&c->address.items[i], text));
        if (everybody && !is_bad(s, "allow") && !addr_is_loopback(&c->address.items[i])) {
            advise(l, s, "allow",
                   "everybody who reaches %s reads who writes to whom; better: your own networks",
                   addr_text_with_port(&c->address.items[i], text));
            everybody = false;
        }
    }
}

static const struct section *find_account(const struct loading *l, const char *name)
{
    for (size_t i = 0; i < l->nsections; i++)
        if (l->sections[i].id == SECTION_UPSTREAM &&
            strcmp(l->config->upstreams[l->sections[i].index].name, name) == 0)
            return &l->sections[i];
    return NULL;
}

static void complain_unknown_account(struct loading *l, const struct section *s, const char *key,
                                     const char *name)
{
    struct nearest n = {.wrong = slice_of(name)};
    for (size_t i = 0; i < l->config->nupstreams; i++)
        nearest_try(&n, l->config->upstreams[i].name);
    complain(l, s, key,
             "there is no account \"%s\"%s%s%s; allowed: the NAME of an [upstream NAME], or "
             "default for the one without a name",
             name, n.best ? " (did you mean " : "", n.best ? n.best : "", n.best ? "?)" : "");
}

static void check_pinned_account(struct loading *l, const struct section *s)
{
    const struct listen_config *c = section_struct(l, s);
    if (c->upstream && !find_account(l, c->upstream))
        complain_unknown_account(l, s, "upstream", c->upstream);
}

static void check_listen(struct loading *l, const struct section *s)
{
    const struct listen_config *c = section_struct(l, s);
    check_open_relay(l, s);
    check_pinned_account(l, s);
    if (!is_bad(s, "address") && !s->repeat)
        for (size_t i = 0; i < c->address.n; i++) {
            check_collisions(l, s, &c->address.items[i], i);
            check_any_v6(l, s, &c->address.items[i]);
        }
    for (size_t i = 0; !is_bad(s, "address") && !s->repeat && i < c->address.passed.n; i++)
        check_passed(l, s, c->address.passed.items[i]);
}

/* --- accounts --- */

static bool has_pattern(const struct strings *list, const char *pattern)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i], pattern) == 0)
            return true;
    return false;
}

/* Returns whether this account takes every message that reaches it. */
static bool takes_everything(const struct section *s, const struct upstream_config *u)
{
    if (is_bad(s, "senders") || is_bad(s, "clients") || is_given(s, "users") ||
        is_given(s, "destinations"))
        return false;
    bool senders =
        u->senders.n == 0 || (has_pattern(&u->senders, "*") && has_pattern(&u->senders, "<>"));
    return senders && (u->clients.n == 0 || (networks_cover_all(&u->clients, ADDR_V4) &&
                                             networks_cover_all(&u->clients, ADDR_V6)));
}

static bool is_pinned(const struct loading *l, const char *name)
{
    for (size_t i = 0; i < l->config->nlistens; i++)
        if (l->config->listens[i].upstream && strcmp(l->config->listens[i].upstream, name) == 0)
            return true;
    return false;
}

/* An account that is another's fallback gets mail whatever the accounts before it take. */
static bool is_fallback(const struct loading *l, const char *name)
{
    for (size_t i = 0; i < l->config->nupstreams; i++)
        if (l->config->upstreams[i].fallback && strcmp(l->config->upstreams[i].fallback, name) == 0)
            return true;
    return false;
}

static void check_fallback(struct loading *l, const struct section *s,
                           const struct upstream_config *u)
{
    const struct section *other = u->fallback ? find_account(l, u->fallback) : NULL;
    if (!u->fallback || is_bad(s, "fallback"))
        return;
    if (!other) {
        complain_unknown_account(l, s, "fallback", u->fallback);
        return;
    }
    const struct upstream_config *next = section_struct(l, other);
    if (other == s || strcmp(u->fallback, u->name) == 0)
        complain(
            l, s, "fallback",
            "an account cannot stand in for itself; allowed: the NAME of another [upstream NAME]");
    else if (next->fallback && strcmp(next->fallback, u->name) == 0)
        advise(l, s, "fallback",
               "%s falls back on %s in turn: a message tries both, each once, and no further",
               other->title, s->title);
    else if (next->fallback)
        advise(l, s, "fallback",
               "it is followed once: what %s falls back on is not tried for mail from here",
               other->title);
}

static bool any_intercepts(const struct loading *l)
{
    for (size_t i = 0; i < l->config->nlistens; i++)
        if (l->config->listens[i].intercept)
            return true;
    return false;
}

static bool any_knows_users(const struct loading *l)
{
    for (size_t i = 0; i < l->config->nlistens; i++)
        if (l->config->listens[i].auth == LISTEN_AUTH_REQUIRED)
            return true;
    return false;
}

/* Warns of patterns that never match. */
static void check_idle_patterns(struct loading *l, const struct section *s)
{
    if (is_given(s, "destinations") && !any_intercepts(l))
        advise(l, s, "destinations", "nothing ever matches: no listener has intercept = yes");
    if (is_given(s, "users") && !any_knows_users(l))
        advise(l, s, "users", "nothing ever matches: no listener has auth = required");
}

void check_routing(struct loading *l)
{
    const struct section *greedy = NULL;
    for (size_t i = 0; i < l->nsections; i++) {
        const struct section *s = &l->sections[i];
        if (s->id == SECTION_LISTEN)
            check_listen(l, s);
        if (s->id == SECTION_ADMIN)
            check_admin(l, s);
        if (s->id != SECTION_UPSTREAM || s->repeat)
            continue;
        const struct upstream_config *u = section_struct(l, s);
        check_idle_patterns(l, s);
        check_fallback(l, s, u);
        if (greedy && !is_pinned(l, u->name) && !is_fallback(l, u->name))
            advise(l, s, NULL,
                   "no message ever gets here: %s on line %d takes them all; put the account "
                   "without patterns last",
                   greedy->title, greedy->line);
        else if (!greedy && takes_everything(s, u))
            greedy = s;
    }
}
