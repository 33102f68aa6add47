#include "io/dns.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "io/transport_fd.h"

enum {
    /* Addresses of one answer that are kept. Callers try far fewer. */
    ADDRESSES = 64,
    /* AAAA lookups in progress. Behind a resolver that drops AAAA questions each of them keeps a
     * helper for ten seconds and more, so the other helpers are left for A. */
    MOST_V6 = CAP_HELPER_THREADS / 2,
};

/* One question to the resolver, asked by any number of queries. While it runs on a helper, only
 * `host`, `family` and the answer below belong to that thread. */
struct lookup {
    /* NULL once the struct dns was freed. */
    struct dns *dns;
    /* Is in dns->lookups. */
    struct link link;
    /* Is in dns->queued until a helper takes it. */
    struct link turn;
    struct link queries;
    char *host;
    enum addr_family family;
    struct addr addresses[ADDRESSES];
    size_t n;
    struct err err;
};

struct dns {
    struct offload *off;
    struct link lookups;
    /* AAAA lookups that must wait. */
    struct link queued;
    /* The number of AAAA lookups that have a helper. */
    size_t nv6;
};

struct dns_query {
    /* Is in lookup->queries. */
    struct link link;
    dns_fn *fn;
    void *ctx;
};

struct dns *dns_new(struct loop *loop, struct offload *off)
{
    struct dns *dns = NEW(struct dns);
    (void)loop;
    dns->off = off;
    link_init(&dns->lookups);
    link_init(&dns->queued);
    return dns;
}

static void lookup_free(struct lookup *l)
{
    /* The queries stay their callers' own. */
    while (!link_is_alone(&l->queries))
        link_remove(l->queries.next);
    link_remove(&l->link);
    link_remove(&l->turn);
    free(l->host);
    free(l);
}

void dns_free(struct dns **dns)
{
    if (!*dns)
        return;
    while (!link_is_alone(&(*dns)->queued))
        lookup_free(CONTAINER((*dns)->queued.next, struct lookup, turn));
    /* Lookups that still run end by themselves. */
    LIST_EACH (&(*dns)->lookups, it) {
        CONTAINER(it, struct lookup, link)->dns = NULL;
        link_remove(it);
    }
    free(*dns);
    *dns = NULL;
}

static void answer_error(struct lookup *l, int code, int number)
{
    switch (code) {
    case EAI_NONAME:
#ifdef EAI_NODATA
    case EAI_NODATA:
#endif
#ifdef EAI_ADDRFAMILY
    case EAI_ADDRFAMILY:
#endif
        err_set(&l->err, ERR_NOT_FOUND, "%.200s: no such host, or no %s address", l->host,
                l->family == ADDR_V6 ? "IPv6" : "IPv4");
        break;
    case EAI_AGAIN:
        err_set(&l->err, ERR_TIMEOUT, "%.200s: the resolver does not answer", l->host);
        break;
    case EAI_SYSTEM: err_set_errno(&l->err, number, "resolver"); break;
    default: err_set(&l->err, ERR_SYSTEM, "%.200s: %s", l->host, gai_strerror(code)); break;
    }
}

/* Runs on a helper. AI_ADDRCONFIG is off: if this machine has no route for the family, connect
 * fails at once. */
static void run(void *arg)
{
    struct lookup *l = arg;
    struct addrinfo hints = {.ai_family = l->family == ADDR_V6 ? AF_INET6 : AF_INET,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int code = getaddrinfo(l->host, NULL, &hints, &list);
    if (code) {
        answer_error(l, code, errno);
        return;
    }
    for (struct addrinfo *a = list; a && l->n < ADDRESSES; a = a->ai_next) {
        struct addr address = addr_from_sockaddr(a->ai_addr);
        if (address.family == l->family)
            l->addresses[l->n++] = address;
    }
    freeaddrinfo(list);
    if (!l->n)
        answer_error(l, EAI_NONAME, 0);
}

static void done(void *arg);

static void give_to_helper(struct dns *dns, struct lookup *l)
{
    link_remove(&l->turn);
    dns->nv6 += l->family == ADDR_V6;
    offload_submit(dns->off, run, done, l);
}

/* A lookup whose queries were all cancelled is not started. */
static void start_queued(struct dns *dns)
{
    while (dns->nv6 < MOST_V6 && !link_is_alone(&dns->queued)) {
        struct lookup *l = CONTAINER(dns->queued.next, struct lookup, turn);
        if (link_is_alone(&l->queries))
            lookup_free(l);
        else
            give_to_helper(dns, l);
    }
}

/* Runs on the loop. A callback may cancel other queries of this lookup, or ask again. That makes a
 * new lookup, since this one is out of the list. */
static void done(void *arg)
{
    struct lookup *l = arg;
    link_remove(&l->link);
    if (l->dns && l->family == ADDR_V6) {
        l->dns->nv6--;
        start_queued(l->dns);
    }
    while (!link_is_alone(&l->queries)) {
        struct dns_query *q = CONTAINER(l->queries.next, struct dns_query, link);
        dns_fn *fn = q->fn;
        void *ctx = q->ctx;
        link_remove(&q->link);
        free(q);
        fn(ctx, l->addresses, l->n, &l->err);
    }
    lookup_free(l);
}

static struct lookup *find(struct dns *dns, const char *host, enum addr_family family)
{
    LIST_EACH (&dns->lookups, it) {
        struct lookup *l = CONTAINER(it, struct lookup, link);
        if (l->family == family && ascii_equal_fold(l->host, host))
            return l;
    }
    return NULL;
}

struct dns_query *dns_lookup(struct dns *dns, const char *host, enum addr_family family, dns_fn *fn,
                             void *ctx)
{
    struct lookup *l = find(dns, host, family);
    if (!l) {
        l = NEW(struct lookup);
        l->dns = dns;
        link_init(&l->turn);
        link_init(&l->queries);
        l->host = mem_string(host);
        l->family = family;
        list_push_back(&dns->lookups, &l->link);
        if (family == ADDR_V6 && dns->nv6 >= MOST_V6)
            list_push_back(&dns->queued, &l->turn);
        else
            give_to_helper(dns, l);
    }
    struct dns_query *q = NEW(struct dns_query);
    q->fn = fn;
    q->ctx = ctx;
    list_push_back(&l->queries, &q->link);
    return q;
}

void dns_cancel(struct dns_query **query)
{
    if (!*query)
        return;
    link_remove(&(*query)->link);
    free(*query);
    *query = NULL;
}
