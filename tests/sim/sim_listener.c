/* io/listener.h and io/netwatch.h over the virtual network. */
#include "io/listener.h"

#include <stdlib.h>

#include "base/mem.h"
#include "io/gateway.h"
#include "io/netwatch.h"
#include "sim_transport.h"
#include "sim_world.h"

/* seconds from the first change of a burst to the call */
enum { WATCH_DELAY = 2 };

struct listener {
    struct sim *sim;
    struct sim_listening *listening;
    struct addr at;
    accept_fn *fn;
    void *ctx;
};

static void accepted(void *ctx, struct sim_end *e)
{
    struct listener *l = ctx;
    l->fn(l->ctx, sim_transport_of(l->sim, e));
}

struct listener *listener_open(struct loop *loop, const struct addr *at, accept_fn *fn, void *ctx,
                               struct err *err)
{
    char text[ADDR_TEXT];
    struct addr where = *at;
    if (where.port == 0)
        where.port = loop->sim->next_port++;
    if (sim_is_listening(loop->sim, &where)) {
        err_set(err, ERR_SYSTEM, "%s: address already in use", addr_text_with_port(&where, text));
        return NULL;
    }
    struct listener *l = NEW(struct listener);
    *l = (struct listener){.sim = loop->sim, .at = where, .fn = fn, .ctx = ctx};
    l->listening = sim_listen(loop->sim, &where, accepted, l);
    loop->sim->living.listeners++;
    return l;
}

struct listener *listener_adopt(struct loop *loop, int fd, accept_fn *fn, void *ctx,
                                struct err *err)
{
    (void)loop;
    (void)fn;
    (void)ctx;
    err_set(err, ERR_INVALID, "descriptor %d: there are none in this world", fd);
    return NULL;
}

const struct addr *listener_address(const struct listener *l)
{
    return &l->at;
}

void listener_pause(struct listener *l, bool paused)
{
    sim_listening_pause(l->listening, paused);
}

void listener_close(struct listener **l)
{
    if (!*l)
        return;
    sim_listening_close(&(*l)->listening);
    (*l)->sim->living.listeners--;
    free(*l);
    *l = NULL;
}

struct netwatch {
    struct link link;
    struct loop *loop;
    struct sim_event due;
    void (*changed)(void *ctx);
    void *ctx;
};

static void tell_change(void *arg)
{
    struct netwatch *w = arg;
    w->changed(w->ctx);
}

struct netwatch *netwatch_new(struct loop *loop, void (*changed)(void *ctx), void *ctx)
{
    struct netwatch *w = NEW(struct netwatch);
    w->loop = loop;
    w->changed = changed;
    w->ctx = ctx;
    sim_event_init(&w->due, tell_change, w);
    list_push_back(&loop->sim->watches, &w->link);
    return w;
}

void netwatch_free(struct netwatch **w)
{
    if (!*w)
        return;
    sim_event_stop((*w)->loop, &(*w)->due);
    link_remove(&(*w)->link);
    free(*w);
    *w = NULL;
}

void sim_network_change(struct sim *sim)
{
    LIST_EACH (&sim->watches, it) {
        struct netwatch *w = CONTAINER(it, struct netwatch, link);
        if (!w->due.slot)
            sim_event_arm(sim->loop, &w->due, WATCH_DELAY * USEC_PER_SEC);
    }
}

/* This world's hosts are neighbours. */
bool gateway_is(const struct addr *a)
{
    (void)a;
    return false;
}
