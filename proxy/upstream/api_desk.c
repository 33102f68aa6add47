#include "upstream/api_desk.h"

#include <stdlib.h>

#include "base/caps.h"
#include "base/mem.h"
#include "io/loop.h"

struct api_desk {
    struct loop *loop;
    unsigned users;
    /* Those that wait. */
    struct link waiting;
    /* Those that were granted and have not left. */
    unsigned running;
    /* The loop time before which nothing begins. */
    usec not_before;
    struct timer *clock;
    struct deferred later;
};

usec api_desk_wait(const struct api_desk *d)
{
    usec left = d->not_before - loop_now(d->loop);
    return left > 0 ? left : 0;
}

/* An event may change everything, so the first is looked for after each. */
static void serve(void *arg)
{
    struct api_desk *d = arg;
    while (!link_is_alone(&d->waiting) && d->running < CAP_API_REQUESTS) {
        struct api_pass *pass = CONTAINER(d->waiting.next, struct api_pass, link);
        if (api_desk_wait(d) > 0) {
            timer_arm(d->clock, api_desk_wait(d));
            return;
        }
        link_remove(&pass->link);
        pass->is_granted = true;
        d->running++;
        pass->granted(pass->ctx);
    }
}

struct api_desk *api_desk_new(const struct io *io)
{
    struct api_desk *d = NEW(struct api_desk);
    d->loop = io->loop;
    d->users = 1;
    link_init(&d->waiting);
    d->clock = timer_new(io->loop, serve, d);
    deferred_init(&d->later, serve, d);
    return d;
}

struct api_desk *api_desk_share(struct api_desk *d)
{
    d->users++;
    return d;
}

void api_desk_unref(struct api_desk **desk)
{
    struct api_desk *d = *desk;
    *desk = NULL;
    if (!d || --d->users > 0)
        return;
    deferred_cancel(&d->later);
    timer_free(&d->clock);
    free(d);
}

void api_desk_hold(struct api_desk *d, usec span)
{
    usec until = loop_now(d->loop) + span;
    if (until > d->not_before)
        d->not_before = until;
}

void api_pass_init(struct api_pass *pass, void (*granted)(void *ctx), void *ctx)
{
    link_init(&pass->link);
    pass->is_granted = false;
    pass->granted = granted;
    pass->ctx = ctx;
}

void api_desk_enter(struct api_desk *d, struct api_pass *pass, bool again)
{
    if (again)
        list_push_front(&d->waiting, &pass->link);
    else
        list_push_back(&d->waiting, &pass->link);
    loop_defer(d->loop, &d->later);
}

void api_desk_leave(struct api_desk *d, struct api_pass *pass)
{
    link_remove(&pass->link);
    if (!pass->is_granted)
        return;
    pass->is_granted = false;
    d->running--;
    loop_defer(d->loop, &d->later);
}
