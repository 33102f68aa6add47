#include "io/signals.h"

#include <signal.h>
#include <stdlib.h>

#include <time.h>

#include "base/mem.h"
#include "io/loop_ev.h"

struct signal_watch {
    ev_signal watcher;
    struct loop *loop;
    void (*fn)(void *arg);
    void *arg;
};

static void on_signal(struct ev_loop *ev, ev_signal *watcher, int events)
{
    struct signal_watch *w = CONTAINER(watcher, struct signal_watch, watcher);
    (void)ev;
    (void)events;
    w->fn(w->arg);
}

static void mask(int how)
{
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGHUP);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGINT);
    sigprocmask(how, &held, NULL);
}

void signals_hold(void)
{
    mask(SIG_BLOCK);
}

void signals_let_go(void)
{
    mask(SIG_UNBLOCK);
}

bool signals_end_within(usec patience)
{
    sigset_t ends;
    struct timespec time = {.tv_sec = patience / USEC_PER_SEC,
                            .tv_nsec = patience % USEC_PER_SEC * 1000};
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    return sigtimedwait(&ends, NULL, &time) > 0;
}

static void let_through(int number)
{
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
}

struct signal_watch *signal_watch_new(struct loop *loop, int number, void (*fn)(void *arg),
                                      void *arg)
{
    struct signal_watch *w = NEW(struct signal_watch);
    w->loop = loop;
    w->fn = fn;
    w->arg = arg;
    ev_signal_init(&w->watcher, on_signal, number);
    ev_signal_start(loop_ev(loop), &w->watcher);
    let_through(number);
    return w;
}

void signal_watch_free(struct signal_watch **w)
{
    if (!*w)
        return;
    ev_signal_stop(loop_ev((*w)->loop), &(*w)->watcher);
    free(*w);
    *w = NULL;
}
