/* io/dns.h over a table of names. */
#include "io/dns.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim_world.h"

enum { ADDRESSES = 16 };

struct name {
    struct link link;
    char *host;
    struct addr addresses[ADDRESSES];
    size_t n;
    /* IPv4, IPv6 */
    struct {
        enum sim_dns_manner manner;
        usec delay;
    } of[2];
    unsigned questions;
};

struct dns {
    struct sim *sim;
};

struct dns_query {
    struct sim *sim;
    struct sim_event due;
    char *host;
    enum addr_family family;
    enum sim_dns_manner manner;
    dns_fn *fn;
    void *ctx;
};

static struct name *find(const struct sim *sim, const char *host)
{
    LIST_EACH (&sim->names, it) {
        struct name *n = CONTAINER(it, struct name, link);
        if (ascii_equal_fold(n->host, host))
            return n;
    }
    return NULL;
}

static struct name *find_or_make(struct sim *sim, const char *host)
{
    struct name *n = find(sim, host);
    if (n)
        return n;
    n = NEW(struct name);
    n->host = mem_string(host);
    n->of[0].delay = n->of[1].delay = 3 * USEC_PER_MS;
    list_push_back(&sim->names, &n->link);
    return n;
}

void sim_name(struct sim *sim, const char *host, const char *addresses)
{
    struct name *n = find_or_make(sim, host);
    n->n = 0;
    for (const char *p = addresses; *p && n->n < ADDRESSES;) {
        size_t len = strcspn(p, " ");
        if (len > 0 && !addr_parse(slice_make(p, len), &n->addresses[n->n++]))
            abort();
        p += len + (p[len] == ' ');
    }
}

void sim_name_manner(struct sim *sim, const char *host, enum addr_family family,
                     enum sim_dns_manner manner, usec delay)
{
    struct name *n = find_or_make(sim, host);
    n->of[family == ADDR_V6].manner = manner;
    n->of[family == ADDR_V6].delay = delay;
}

unsigned sim_name_questions(const struct sim *sim, const char *host)
{
    const struct name *n = find(sim, host);
    return n ? n->questions : 0;
}

void sim_names_free(struct sim *sim)
{
    LIST_EACH (&sim->names, it) {
        struct name *n = CONTAINER(it, struct name, link);
        free(n->host);
        free(n);
    }
}

struct dns *dns_new(struct loop *loop, struct offload *off)
{
    struct dns *dns = NEW(struct dns);
    (void)off;
    dns->sim = loop->sim;
    return dns;
}

void dns_free(struct dns **dns)
{
    free(*dns);
    *dns = NULL;
}

static void query_free(struct dns_query *q)
{
    sim_event_stop(q->sim->loop, &q->due);
    q->sim->living.queries--;
    free(q->host);
    free(q);
}

static void answer(void *arg)
{
    struct dns_query *q = arg;
    struct addr found[ADDRESSES];
    size_t n = 0;
    const struct name *name = find(q->sim, q->host);
    for (size_t i = 0; name && q->manner == SIM_DNS_ANSWERS && i < name->n; i++)
        if (name->addresses[i].family == q->family)
            found[n++] = name->addresses[i];
    struct err err = {0};
    if (q->manner == SIM_DNS_FAILS)
        err_set(&err, ERR_TIMEOUT, "%s: temporary failure in name resolution", q->host);
    else if (n == 0)
        err_set(&err, ERR_NOT_FOUND, "%s: name or service not known", q->host);
    sim_say(q->sim, "dns %s IPv%d: %zu addresses", q->host, (int)q->family, n);
    dns_fn *fn = q->fn;
    void *ctx = q->ctx;
    query_free(q);
    fn(ctx, found, n, n == 0 ? &err : NULL);
}

struct dns_query *dns_lookup(struct dns *dns, const char *host, enum addr_family family, dns_fn *fn,
                             void *ctx)
{
    struct dns_query *q = NEW(struct dns_query);
    struct name *name = find(dns->sim, host);
    *q = (struct dns_query){
        .sim = dns->sim, .host = mem_string(host), .family = family, .fn = fn, .ctx = ctx};
    q->manner = name ? name->of[family == ADDR_V6].manner : SIM_DNS_NXDOMAIN;
    sim_event_init(&q->due, answer, q);
    dns->sim->living.queries++;
    if (name)
        name->questions++;
    if (q->manner != SIM_DNS_SILENT)
        sim_event_arm(dns->sim->loop, &q->due,
                      name ? name->of[family == ADDR_V6].delay : 3 * USEC_PER_MS);
    return q;
}

void dns_cancel(struct dns_query **query)
{
    if (*query)
        query_free(*query);
    *query = NULL;
}
