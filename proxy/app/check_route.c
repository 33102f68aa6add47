#include "app/check_route.h"

#include <stdio.h>
#include <string.h>

#include "app/status.h"
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
        printf("destinations: only for intercepted clients that meant to go there");
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
    if (u->username && u->identity == IDENTITY_SENDER)
        printf(" (or rather as the sender: identity = sender)");
    printf("\n");
    for (size_t i = 0; u->fallback && i < config->nupstreams; i++)
        if (strcmp(config->upstreams[i].name, u->fallback) == 0)
            printf("    when it does not work: [upstream %s]\n", u->fallback);
}

/* Whether the account can make a whole address of the sender. */
static bool is_complete(const struct upstream_config *u, const struct address *from)
{
    if (!from->text.len || from->domain.len || u->envelope_from || u->qualify)
        return true;
    printf("    but the sender has no domain: 501 5.1.7 at MAIL; qualify = its domain would "
           "complete it\n");
    return false;
}

static bool print_listener(const struct route_question *q, const struct address *from,
                           const char *text)
{
    for (size_t i = 0; i < q->config->nupstreams; i++) {
        const struct upstream_config *u = &q->config->upstreams[i];
        enum route_miss miss = route_judge(q, i, from);
        if (miss == ROUTE_FITS) {
            print_fit(q->config, q->listener, u);
            return is_complete(u, from);
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

/* "<>", "<a@b>" and "a@b"; a name without a domain is a sender too. */
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
        bool allowed = lets_in(l, &peer);
        printf("[listen %s], from %s at %s:\n", l->name, sender.text.len ? from : "<>",
               client ? client : "127.0.0.1");
        if (!allowed)
            printf("  the client is not allowed here (allow): 554 5.7.1 at connect\n");
        taken |= allowed && print_listener(&q, &sender, from);
    }
    return taken ? EXIT_FINE : EXIT_ANSWER_BAD;
}
