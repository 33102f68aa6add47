#include "io/turn.h"

#include <stdlib.h>

#include "base/mem.h"

#define BUDGET (10 * USEC_PER_MS)

enum { ROUNDS = 4 };

struct doomed {
    struct link link;
    void *block;
    void (*destroy)(void *block);
};

void turn_init(struct turn *t, usec (*clock)(void *arg), void *arg)
{
    link_init(&t->due);
    link_init(&t->ready);
    link_init(&t->deferred);
    link_init(&t->doomed);
    t->clock = clock;
    t->arg = arg;
}

void deferred_init(struct deferred *d, defer_fn *fn, void *arg)
{
    link_init(&d->link);
    d->fn = fn;
    d->arg = arg;
}

void deferred_cancel(struct deferred *d)
{
    link_remove(&d->link);
}

static void queue(struct link *list, struct deferred *d)
{
    if (link_is_alone(&d->link))
        list_push_back(list, &d->link);
}

void turn_queue_due(struct turn *t, struct deferred *d)
{
    queue(&t->due, d);
}

void turn_queue_ready(struct turn *t, struct deferred *d)
{
    queue(&t->ready, d);
}

void turn_defer(struct turn *t, struct deferred *d)
{
    queue(&t->deferred, d);
}

void turn_free_later(struct turn *t, void *p, void (*destroy)(void *p))
{
    struct doomed *d = NEW(struct doomed);
    d->block = p;
    d->destroy = destroy;
    list_push_back(&t->doomed, &d->link);
}

bool turn_is_spent(const struct turn *t, usec began)
{
    return t->clock(t->arg) - began > BUDGET;
}

bool turn_has_work(const struct turn *t)
{
    return !link_is_alone(&t->due) || !link_is_alone(&t->ready) || !link_is_alone(&t->deferred) ||
           !link_is_alone(&t->doomed);
}

static void move_all(struct link *from, struct link *to)
{
    while (!link_is_alone(from)) {
        struct link *l = from->next;
        link_remove(l);
        list_push_back(to, l);
    }
}

/* Runs the list until it is empty or the budget is spent. *now is the time, which is read after
 * each call and at no other moment. */
static bool run(const struct turn *t, struct link *list, usec began, usec *now)
{
    while (!link_is_alone(list)) {
        struct deferred *d = CONTAINER(list->next, struct deferred, link);
        link_remove(&d->link);
        d->fn(d->arg);
        *now = t->clock(t->arg);
        if (*now - began > BUDGET)
            break;
    }
    return link_is_alone(list);
}

/* Runs the work that is deferred now. Work that these calls defer is left for the next round.
 * Returns false if the budget is spent. Then the rest is first in the list again. */
static bool run_round(struct turn *t, usec began, usec *now)
{
    struct link round;
    link_init(&round);
    move_all(&t->deferred, &round);
    bool all = run(t, &round, began, now);
    move_all(&t->deferred, &round);
    move_all(&round, &t->deferred);
    return all;
}

static void free_doomed(struct turn *t, usec *now)
{
    if (link_is_alone(&t->doomed))
        return;
    while (!link_is_alone(&t->doomed)) {
        struct doomed *d = CONTAINER(t->doomed.next, struct doomed, link);
        link_remove(&d->link);
        d->destroy(d->block);
        free(d);
    }
    *now = t->clock(t->arg);
}

usec turn_end(struct turn *t)
{
    usec now = t->clock(t->arg);
    (void)run(t, &t->ready, now, &now);
    (void)run(t, &t->due, now, &now);
    usec began = now;
    for (int round = 0; round < ROUNDS && !link_is_alone(&t->deferred); round++)
        if (!run_round(t, began, &now))
            break;
    free_doomed(t, &now);
    return now;
}

void turn_run_out(struct turn *t)
{
    usec now = t->clock(t->arg);
    while (!link_is_alone(&t->deferred))
        (void)run_round(t, now, &now);
    free_doomed(t, &now);
}
