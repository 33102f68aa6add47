#include "upstream/gate.h"

#include <stddef.h>

void gate_init(struct gate *g)
{
    g->proven = false;
    g->holder = NULL;
    g->last = 0;
    link_init(&g->waiting);
}

void gate_pass_init(struct gate_pass *p, unsigned port, size_t rank, void (*granted)(void *ctx),
                    void *ctx)
{
    link_init(&p->link);
    p->state = GATE_OUTSIDE;
    p->port = port;
    p->rank = rank;
    p->granted = granted;
    p->refused = NULL;
    p->ctx = ctx;
}

static void let_in(struct gate *g, struct gate_pass *p)
{
    link_remove(&p->link);
    p->state = GATE_HOLDING;
    if (!g->proven) {
        g->holder = p;
        g->last = p->port;
    }
    p->granted(p->ctx);
}

static void let_next_in(struct gate *g)
{
    if (g->proven || g->holder || link_is_alone(&g->waiting))
        return;
    struct gate_pass *next = CONTAINER(g->waiting.next, struct gate_pass, link);
    LIST_EACH (&g->waiting, it) {
        struct gate_pass *p = CONTAINER(it, struct gate_pass, link);
        if (p->port != g->last) {
            next = p;
            break;
        }
    }
    let_in(g, next);
}

static void queue(struct gate *g, struct gate_pass *p)
{
    struct link *behind = &g->waiting;
    while (behind->prev != &g->waiting &&
           CONTAINER(behind->prev, struct gate_pass, link)->rank > p->rank)
        behind = behind->prev;
    link_insert_before(behind, &p->link);
}

void gate_enter(struct gate *g, struct gate_pass *p)
{
    if (p->state != GATE_OUTSIDE)
        return;
    if (g->proven) {
        let_in(g, p);
        return;
    }
    p->state = GATE_WAITING;
    queue(g, p);
    let_next_in(g);
}

void gate_leave(struct gate *g, struct gate_pass *p)
{
    link_remove(&p->link);
    p->state = GATE_OUTSIDE;
    if (g->holder == p) {
        g->holder = NULL;
        let_next_in(g);
    }
}

void gate_prove(struct gate *g)
{
    g->proven = true;
    g->holder = NULL;
    while (!link_is_alone(&g->waiting))
        let_in(g, CONTAINER(g->waiting.next, struct gate_pass, link));
}

void gate_doubt(struct gate *g)
{
    g->proven = false;
}

void gate_dismiss(struct gate *g)
{
    while (!link_is_alone(&g->waiting)) {
        struct gate_pass *p = CONTAINER(g->waiting.next, struct gate_pass, link);
        link_remove(&p->link);
        p->state = GATE_OUTSIDE;
    }
}

void gate_clear(struct gate *g)
{
    gate_dismiss(g);
    if (g->holder)
        g->holder->state = GATE_OUTSIDE;
    g->holder = NULL;
}
