#include "relay/guard.h"

#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"

struct entry {
    /* The most recently used is first. */
    struct link link;
    struct addr from;
    unsigned under_way;
    /* The number of failures in `at`. The oldest is first. */
    unsigned n;
    usec at[GUARD_FAILURES];
};

void guard_init(struct guard *g)
{
    *g = (struct guard){0};
    link_init(&g->entries);
}

static void drop(struct guard *g, struct entry *e)
{
    link_remove(&e->link);
    g->n--;
    free(e);
}

void guard_free(struct guard *g)
{
    LIST_EACH (&g->entries, it)
        drop(g, CONTAINER(it, struct entry, link));
}

static struct entry *find(struct guard *g, const struct addr *key)
{
    LIST_EACH (&g->entries, it) {
        struct entry *e = CONTAINER(it, struct entry, link);
        if (addr_equal(&e->from, key))
            return e;
    }
    return NULL;
}

static void drop_oldest(struct guard *g)
{
    for (struct link *it = g->entries.prev; it != &g->entries; it = it->prev) {
        struct entry *e = CONTAINER(it, struct entry, link);
        if (!e->under_way) {
            drop(g, e);
            return;
        }
    }
}

static struct entry *need(struct guard *g, const struct addr *key)
{
    struct entry *e = find(g, key);
    if (e) {
        link_remove(&e->link);
    } else {
        if (g->n >= CAP_LOGIN_FAILURES)
            drop_oldest(g);
        e = NEW(struct entry);
        e->from = *key;
        g->n++;
    }
    list_push_front(&g->entries, &e->link);
    return e;
}

/* Forgets failures that are older than the window. */
static void age(struct entry *e, usec now)
{
    unsigned gone = 0;
    while (gone < e->n && e->at[gone] + GUARD_WINDOW <= now)
        gone++;
    e->n -= gone;
    memmove(e->at, e->at + gone, e->n * sizeof *e->at);
}

enum guard_word guard_begin(struct guard *g, const struct addr *from, usec now)
{
    struct addr key = addr_client_key(from);
    struct entry *e = need(g, &key);
    age(e, now);
    if (e->n >= GUARD_FAILURES)
        return GUARD_SHUT;
    if (e->n + e->under_way >= GUARD_FAILURES)
        return GUARD_WAIT;
    e->under_way++;
    return GUARD_GO;
}

bool guard_end(struct guard *g, const struct addr *from, bool failed, usec now)
{
    struct addr key = addr_client_key(from);
    struct entry *e = need(g, &key);
    age(e, now);
    if (e->under_way)
        e->under_way--;
    if (failed && e->n < GUARD_FAILURES) {
        e->at[e->n++] = now;
        return e->n == GUARD_FAILURES;
    }
    if (!e->n && !e->under_way)
        drop(g, e);
    return false;
}
