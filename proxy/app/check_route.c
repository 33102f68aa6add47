#include "app/check_route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/status.h"
#include "mail/rewrite_envelope.h"
#include "mail/route.h"

static void print_words(const char *key, const struct strings *list)
{
    printf("%s =", key);
    for (size_t i = 0; i < list->n; i++)
        printf(" %s", list->items[i]);
}

static void print_clients(const struct networks *list)
{
    char text[ADDR_TEXT];
    printf("clients =");
    for (size_t i = 0; i < list->n; i++)
        printf(" %s/%u", addr_text(&list->items[i].base, text), list->items[i].bits);
}

static void print_miss(const struct upstream_config *u, enum route_miss miss, const char *from)
{
    switch (miss) {
    case ROUTE_FITS: break;
    case ROUTE_PINNED: printf("the listener gives it nothing"); break;
    case ROUTE_CLIENT:
        print_clients(&u->clients);
        printf(" does not hold the client");
        break;
    case ROUTE_USER:
        print_words("users", &u->users);
        printf(": only for clients that logged in so");
        break;
    case ROUTE_SENDER:
        print_words("senders", &u->senders);
        printf(" does not match %s", *from ? from : "<>");
        break;
    case ROUTE_DESTINATION:
    case ROUTE_UNKNOWN:
        printf("destinations: only for intercepted clients with that destination");
        break;
    }
    printf("\n");
}

static void print_fit(const struct config *config, const struct listen_config *l,
                      const struct upstream_config *u)
{
    bool any = u->senders.n || u->clients.n || u->users.n || u->destinations.n;
    printf("  [upstream %s] takes it: %s\n", u->name,
           l->upstream ? "the listener is pinned to it"
           : any       ? "all its patterns match"
                       : "it has no patterns, so it takes everything");
    printf("    host %s%s%s", u->host, u->username ? ", as " : ", without a login",
           u->username ? u->username : "");
    printf("\n");
    for (size_t i = 0; u->fallback && i < config->nupstreams; i++)
        if (strcmp(config->upstreams[i].name, u->fallback) == 0)
            printf("    when it does not work: [upstream %s]\n", u->fallback);
}

static void print_journal(const struct upstream_config *u)
{
    if (u->journal)
        printf("    one more recipient: %s (journal)\n", u->journal);
}

static void print_recipients(const struct config *config, const struct upstream_config *u)
{
    const struct aliases *aliases = &config->server.aliases;
    for (size_t i = 0; i < aliases->n; i++)
        printf("    recipient %s%s becomes %s (aliases)\n", aliases->items[i].name,
               strcmp(aliases->items[i].name, "*") == 0 ? " (any other without a domain)" : "",
               aliases->items[i].to);
    for (size_t i = 0; i < aliases->n; i++)
        if (strcmp(aliases->items[i].name, "*") == 0)
            return;
    if (u->qualify)
        printf("    a recipient without a domain gets @%s (qualify)\n", u->qualify);
    else
        printf("    a recipient without a domain%s: 501 5.1.3 at RCPT\n",
               aliases->n ? ", other than those" : "");
}

/* What the addresses become on the way. False: the account cannot make a whole one of the
 * sender. */
static bool print_addresses(const struct config *config, const struct upstream_config *u,
                            const struct address *from)
{
    char *sender = rewrite_sender(u, from);
    if (!sender) {
        printf("    but the sender has no domain: 501 5.1.7 at MAIL; qualify = its domain would "
               "complete it\n");
        return false;
    }
    printf("    MAIL FROM:<%s>%s\n", sender,
           !from->text.len                 ? " (the null sender is never replaced)"
           : u->envelope_from              ? " (envelope_from)"
           : !slice_is(from->text, sender) ? " (qualify)"
                                           : "");
    if (u->username && u->auth != AUTH_NONE && u->identity == IDENTITY_SENDER)
        printf("    logs in as %s (identity = sender)\n", *sender ? sender : u->username);
    if (u->header_from)
        printf("    From: becomes %s (header_from); the one before goes to Reply-To and "
               "X-Original-From\n",
               u->header_from);
    print_recipients(config, u);
    print_journal(u);
    free(sender);
    return true;
}

static bool print_listener(const struct route_question *q, const struct address *from,
                           const char *text)
{
    for (size_t i = 0; i < q->config->nupstreams; i++) {
        const struct upstream_config *u = &q->config->upstreams[i];
        enum route_miss miss = route_judge(q, i, from);
        if (miss == ROUTE_FITS) {
            print_fit(q->config, q->listener, u);
            return print_addresses(q->config, u, from);
        }
        if (miss == ROUTE_PINNED)
            continue;
        printf("  [upstream %s] does not: ", u->name);
        print_miss(u, miss, text);
    }
    printf("  no account takes it: 550 5.7.1 at MAIL\n");
    return false;
}

static bool lets_in(const struct listen_config *l, const struct addr *client)
{
    for (size_t i = 0; i < l->allow.n; i++)
        if (network_contains(&l->allow.items[i], client))
            return true;
    return false;
}

/* Whether a client with this address can come to the listener at all. Of sockets that were passed
 * nobody knows where they listen. */
static bool is_reached(const struct listen_config *l, const struct addr *client)
{
    bool reached = l->address.passed.n > 0;
    for (size_t i = 0; i < l->address.n; i++)
        reached |= (addr_is_any(&l->address.items[i]) || !addr_is_loopback(&l->address.items[i]) ||
                    addr_is_loopback(client));
    return reached;
}

/* What the listener asks of a client before it may send. */
static void print_demands(const struct listen_config *l)
{
    if (l->tls == LISTEN_TLS_REQUIRED)
        printf("  the client has to say STARTTLS first (tls = required)\n");
    if (l->tls == LISTEN_TLS_IMPLICIT)
        printf("  the client has to speak TLS from the first byte (tls = implicit)\n");
    if (l->auth == LISTEN_AUTH_REQUIRED)
        printf("  the client has to log in (auth = required); `users` can only match then\n");
    if (l->proxy_protocol.n)
        printf("  a client that comes through a balancer counts with its own address "
               "(proxy_protocol)\n");
}

/* It reads "<>", "<a@b>" and "a@b". A name without a domain is a sender, too. */
static bool parse_sender(const char *text, struct address *from_r)
{
    struct slice s = slice_of(text);
    *from_r = (struct address){0};
    if (s.len >= 2 && s.data[0] == '<' && s.data[s.len - 1] == '>')
        s = slice_make(s.data + 1, s.len - 2);
    return s.len == 0 || address_parse(s, from_r);
}

int check_route(const struct config *config, const char *from, const char *client)
{
    struct address sender;
    struct addr peer;
    bool taken = false;
    if (!parse_sender(from, &sender)) {
        fprintf(stderr, "smtp-detour check --route: \"%s\" is not a mail address, nor <>.\n", from);
        return EXIT_USAGE;
    }
    if (!addr_parse(slice_of(client ? client : "127.0.0.1"), &peer)) {
        fprintf(stderr, "smtp-detour check --route: \"%s\" is not an IP address.\n", client);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < config->nlistens; i++) {
        const struct listen_config *l = &config->listens[i];
        struct route_question q = {.config = config, .listener = l, .client = &peer};
        bool reached = is_reached(l, &peer), allowed = reached && lets_in(l, &peer);
        printf("[listen %s], from %s at %s:\n", l->name, sender.text.len ? from : "<>",
               client ? client : "127.0.0.1");
        if (!reached)
            printf("  such a client does not get here: it listens on this machine only\n");
        else if (!allowed)
            printf("  the client is not allowed here (allow): 554 5.7.1 at connect\n");
        if (allowed)
            print_demands(l);
        taken |= allowed && print_listener(&q, &sender, from);
    }
    return taken ? EXIT_FINE : EXIT_ANSWER_BAD;
}
