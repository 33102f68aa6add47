#include "io/loop.h"

#include <ev.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/loop_ev.h"
#include "io/turn.h"

struct loop {
    struct ev_loop *ev;
    ev_prepare end_of_turn;
    ev_check begin_of_turn;
    /* Active while work is left for the next turn. */
    ev_idle no_sleep;
    struct turn turn;
    struct link timers;
    usec now, turn_began, longest, worked;
};

struct timer {
    ev_timer watcher;
    /* Is in the loop's list of all timers. */
    struct link link;
    struct deferred due;
    struct loop *loop;
    timer_fn *fn;
    void *arg;
};

static usec monotonic(void *unused)
{
    struct timespec t;
    (void)unused;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (usec)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

/* The library libev has read its own clock a moment ago. */
static void begin_turn(struct loop *loop)
{
    loop->now = loop->turn_began = monotonic(NULL);
}

/* A turn that does not begin with waiting. */
static void begin_at_once(struct loop *loop)
{
    ev_now_update(loop->ev);
    begin_turn(loop);
}

static void on_begin(struct ev_loop *ev, ev_check *watcher, int events)
{
    (void)ev;
    (void)events;
    begin_turn(CONTAINER(watcher, struct loop, begin_of_turn));
}

static void on_end(struct ev_loop *ev, ev_prepare *watcher, int events)
{
    struct loop *loop = CONTAINER(watcher, struct loop, end_of_turn);
    (void)events;
    usec took = turn_end(&loop->turn) - loop->turn_began;
    if (turn_has_work(&loop->turn))
        ev_idle_start(ev, &loop->no_sleep);
    else
        ev_idle_stop(ev, &loop->no_sleep);
    loop->worked += took;
    if (took > loop->longest)
        loop->longest = took;
}

static void on_idle(struct ev_loop *ev, ev_idle *watcher, int events)
{
    (void)ev;
    (void)watcher;
    (void)events;
}

struct loop *loop_new(struct err *err)
{
    struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    if (!ev) {
        err_set(err, ERR_SYSTEM, "the event loop cannot be made");
        return NULL;
    }
    /* OpenSSL writes to its socket without MSG_NOSIGNAL. */
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);

    struct loop *loop = NEW(struct loop);
    loop->ev = ev;
    turn_init(&loop->turn, monotonic, NULL);
    link_init(&loop->timers);
    begin_at_once(loop);
    ev_check_init(&loop->begin_of_turn, on_begin);
    ev_set_priority(&loop->begin_of_turn, EV_MAXPRI);
    ev_check_start(ev, &loop->begin_of_turn);
    ev_prepare_init(&loop->end_of_turn, on_end);
    ev_prepare_start(ev, &loop->end_of_turn);
    ev_idle_init(&loop->no_sleep, on_idle);
    return loop;
}

void loop_free(struct loop **loop_p)
{
    struct loop *loop = *loop_p;
    if (!loop)
        return;
    /* Streams closed a moment ago may still have queued output. It is written as far as the socket
     * takes it. */
    turn_run_out(&loop->turn);
    /* Streams that still say goodbye have a timer each. Their patience is over. */
    while (!link_is_alone(&loop->timers)) {
        struct timer *t = CONTAINER(loop->timers.next, struct timer, link);
        link_remove(&t->link);
        if (timer_is_armed(t)) {
            timer_stop(t);
            t->fn(t->arg);
        }
    }
    turn_run_out(&loop->turn);
    ev_idle_stop(loop->ev, &loop->no_sleep);
    ev_prepare_stop(loop->ev, &loop->end_of_turn);
    ev_check_stop(loop->ev, &loop->begin_of_turn);
    ev_loop_destroy(loop->ev);
    free(loop);
    /* Not earlier, because what still ran may use the loop through its owner. */
    *loop_p = NULL;
}

void loop_run(struct loop *loop)
{
    begin_at_once(loop);
    ev_run(loop->ev, 0);
}

static bool any_timer_is_armed(const struct loop *loop)
{
    LIST_EACH (&loop->timers, it)
        if (timer_is_armed(CONTAINER(it, struct timer, link)))
            return true;
    return false;
}

static void on_end_of_patience(struct ev_loop *ev, ev_timer *watcher, int events)
{
    /* An inactive watcher says everything. */
    (void)ev;
    (void)watcher;
    (void)events;
}

void loop_finish(struct loop *loop, usec patience)
{
    ev_timer end;
    begin_at_once(loop);
    ev_timer_init(&end, on_end_of_patience, (double)patience / (double)USEC_PER_SEC, 0.);
    ev_timer_start(loop->ev, &end);
    while (any_timer_is_armed(loop) && ev_is_active(&end))
        ev_run(loop->ev, EVRUN_ONCE);
    ev_timer_stop(loop->ev, &end);
}

void loop_stop(struct loop *loop)
{
    ev_break(loop->ev, EVBREAK_ONE);
}

struct ev_loop *loop_ev(struct loop *loop)
{
    return loop->ev;
}

void loop_queue_ready(struct loop *loop, struct deferred *d)
{
    turn_queue_ready(&loop->turn, d);
}

bool loop_is_late(const struct loop *loop)
{
    return turn_is_spent(&loop->turn, loop->turn_began);
}

usec loop_now(const struct loop *loop)
{
    return loop->now;
}

int64_t loop_wall_ms(const struct loop *loop)
{
    struct timespec t;
    (void)loop;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void loop_random(struct loop *loop, void *out, size_t n)
{
    (void)loop;
    for (char *at = out; n;) {
        /* The function getentropy returns at most this much at once. */
        size_t part = n < 256 ? n : 256;
        if (getentropy(at, part) != 0)
            abort();
        at += part;
        n -= part;
    }
}

usec loop_longest_turn(struct loop *loop)
{
    usec longest = loop->longest;
    loop->longest = 0;
    return longest;
}

usec loop_worked(const struct loop *loop)
{
    return loop->worked;
}

static void on_timer(struct ev_loop *ev, ev_timer *watcher, int events)
{
    struct timer *t = CONTAINER(watcher, struct timer, watcher);
    (void)ev;
    (void)events;
    turn_queue_due(&t->loop->turn, &t->due);
}

static void fire(void *arg)
{
    struct timer *t = arg;
    t->fn(t->arg);
}

struct timer *timer_new(struct loop *loop, timer_fn *fn, void *arg)
{
    struct timer *t = NEW(struct timer);
    t->loop = loop;
    t->fn = fn;
    t->arg = arg;
    ev_init(&t->watcher, on_timer);
    deferred_init(&t->due, fire, t);
    list_push_back(&loop->timers, &t->link);
    return t;
}

void timer_free(struct timer **timer)
{
    if (!*timer)
        return;
    timer_stop(*timer);
    link_remove(&(*timer)->link);
    free(*timer);
    *timer = NULL;
}

/* The library libev counts from the beginning of the turn. */
static usec since_the_turn_began(const struct loop *loop)
{
    return monotonic(NULL) - loop->turn_began;
}

void timer_arm(struct timer *timer, usec delay)
{
    usec wait = delay > 0 ? delay + since_the_turn_began(timer->loop) : 0;
    timer_stop(timer);
    ev_timer_set(&timer->watcher, (double)wait / (double)USEC_PER_SEC, 0.);
    ev_timer_start(timer->loop->ev, &timer->watcher);
}

void timer_stop(struct timer *timer)
{
    ev_timer_stop(timer->loop->ev, &timer->watcher);
    deferred_cancel(&timer->due);
}

bool timer_is_armed(const struct timer *timer)
{
    return ev_is_active(&timer->watcher) || !link_is_alone(&timer->due.link);
}

usec timer_left(const struct timer *timer)
{
    if (!ev_is_active(&timer->watcher))
        return 0;
    /* The library libev takes a pointer to a mutable watcher and does not change it. */
    ev_timer copy = timer->watcher;
    double left = ev_timer_remaining(timer->loop->ev, &copy);
    usec from_now = (usec)(left * (double)USEC_PER_SEC) - since_the_turn_began(timer->loop);
    return from_now > 0 ? from_now : 0;
}

void loop_defer(struct loop *loop, struct deferred *d)
{
    turn_defer(&loop->turn, d);
}

void loop_free_later(struct loop *loop, void *p, void (*destroy)(void *p))
{
    turn_free_later(&loop->turn, p, destroy);
}
