#include "relay/visitors.h"

#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/window.h"

enum { BUCKETS = 1024 };

struct visitor {
    /* In its bucket. */
    struct visitor *next;
    /* In visitors.idle while it has no connection. */
    struct link idle;
    struct addr addr;
    unsigned clients;
    /* NULL if no message was counted. */
    struct window *window;
};

struct visitors {
    uint64_t seed;
    /* The visitor that left first is first. */
    struct link idle;
    size_t nidle;
    struct visitor *buckets[BUCKETS];
};

struct visitors *visitors_new(uint64_t seed)
{
    struct visitors *v = NEW(struct visitors);
    v->seed = seed;
    link_init(&v->idle);
    return v;
}

/* ------------------------------------------------------------------ the table */

static struct visitor **bucket_of(const struct visitors *v, const struct addr *a)
{
    uint64_t words[2] = {0, 0}, h = v->seed;
    memcpy(words, a->bytes, a->family == ADDR_V4 ? 4 : 16);
    for (int i = 0; i < 2; i++) {
        h = (h ^ words[i]) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return (struct visitor **)&v->buckets[(h * 0xbf58476d1ce4e5b9u) >> 54];
}

static struct visitor *find(const struct visitors *v, const struct addr *a)
{
    for (struct visitor *it = *bucket_of(v, a); it; it = it->next)
        if (addr_equal(&it->addr, a))
            return it;
    return NULL;
}

static void forget(struct visitors *v, struct visitor *old)
{
    struct visitor **at = bucket_of(v, &old->addr);
    while (*at != old)
        at = &(*at)->next;
    *at = old->next;
    if (!link_is_alone(&old->idle)) {
        link_remove(&old->idle);
        v->nidle--;
    }
    free(old->window);
    free(old);
}

void visitors_free(struct visitors **visitors)
{
    struct visitors *v = *visitors;
    *visitors = NULL;
    for (size_t i = 0; v && i < BUCKETS; i++)
        while (v->buckets[i])
            forget(v, v->buckets[i]);
    free(v);
}

/* ------------------------------------------------------------------ messages lately */

bool visitors_may_send(struct visitor *visitor, unsigned limit, usec period, usec now)
{
    if (!visitor->window)
        visitor->window = NEW(struct window);
    return window_take(visitor->window, limit, period, now);
}

/* ------------------------------------------------------------------ connections */

unsigned visitors_clients(const struct visitors *v, const struct addr *a)
{
    const struct addr key = addr_client_key(a);
    const struct visitor *found = find(v, &key);
    return found ? found->clients : 0;
}

struct visitor *visitors_enter(struct visitors *v, const struct addr *a)
{
    const struct addr key = addr_client_key(a);
    struct visitor *visitor = find(v, &key);
    if (!visitor) {
        struct visitor **bucket = bucket_of(v, &key);
        visitor = NEW(struct visitor);
        visitor->addr = key;
        link_init(&visitor->idle);
        visitor->next = *bucket;
        *bucket = visitor;
    } else if (!link_is_alone(&visitor->idle)) {
        link_remove(&visitor->idle);
        v->nidle--;
    }
    visitor->clients++;
    return visitor;
}

static bool is_worth_remembering(struct visitor *visitor, usec now)
{
    return visitor->window && window_count(visitor->window, now) > 0;
}

void visitors_leave(struct visitors *v, struct visitor **visitor, usec now)
{
    struct visitor *leaving = *visitor;
    *visitor = NULL;
    if (--leaving->clients)
        return;
    list_push_back(&v->idle, &leaving->idle);
    v->nidle++;
    if (!is_worth_remembering(leaving, now))
        forget(v, leaving);
    while (v->nidle) {
        struct visitor *first = CONTAINER(v->idle.next, struct visitor, idle);
        if (v->nidle <= CAP_RATE_ADDRESSES && is_worth_remembering(first, now))
            return;
        forget(v, first);
    }
}
