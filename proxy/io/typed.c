#include "io/typed.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/caps.h"
#include "base/mem.h"
#include "base/secret.h"
#include "io/loop_ev.h"

struct typed {
    ev_io watcher;
    struct loop *loop;
    typed_fn *fn;
    /* May be NULL. */
    void (*ended)(void *ctx);
    void *ctx;
    char line[CAP_TYPED];
    size_t len;
    bool gone;
};

static void stop(struct typed *t)
{
    ev_io_stop(loop_ev(t->loop), &t->watcher);
}

static void tell(struct typed *t)
{
    size_t len = t->len;
    if (len && t->line[len - 1] == '\r')
        len--;
    t->len = 0;
    t->fn(t->ctx, slice_make(t->line, len));
    secret_erase(t->line, sizeof t->line);
}

/* The descriptor may block: one read for each time that it is ready. */
static void on_ready(struct ev_loop *ev, ev_io *watcher, int events)
{
    struct typed *t = CONTAINER(watcher, struct typed, watcher);
    char piece[1024];
    (void)ev;
    (void)events;
    ssize_t n = read(t->watcher.fd, piece, sizeof piece);
    for (ssize_t i = 0; i < n && !t->gone; i++)
        if (piece[i] == '\n')
            tell(t);
        else if (t->len < sizeof t->line)
            t->line[t->len++] = piece[i];
    secret_erase(piece, sizeof piece);
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
        stop(t);
        if (t->len)
            tell(t);
        if (t->ended && !t->gone)
            t->ended(t->ctx);
    }
}

struct typed *typed_new(struct loop *loop, int fd, typed_fn *fn, void *ctx)
{
    struct typed *t = NEW(struct typed);
    t->loop = loop;
    t->fn = fn;
    t->ctx = ctx;
    ev_io_init(&t->watcher, on_ready, fd, EV_READ);
    ev_io_start(loop_ev(loop), &t->watcher);
    return t;
}

void typed_on_end(struct typed *t, void (*fn)(void *ctx))
{
    t->ended = fn;
}

void typed_free(struct typed **typed)
{
    struct typed *t = *typed;
    *typed = NULL;
    if (!t)
        return;
    stop(t);
    t->gone = true;
    secret_erase(t->line, sizeof t->line);
    loop_free_later(t->loop, t, free);
}
