/* io/loop.h over a virtual clock: a heap of events. A turn runs what is due at one moment, then
 * what was deferred, then the frees. */
#include "sim_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* turns at one moment: something wakes itself for ever */
enum { STANDSTILL = 200000 };

struct timer {
    struct loop *loop;
    /* in the loop's list of all timers */
    struct link link;
    struct sim_event event;
    struct deferred due;
    timer_fn *fn;
    void *arg;
};

static bool is_sooner(const struct sim_event *a, const struct sim_event *b)
{
    return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static void put(struct loop *loop, size_t slot, struct sim_event *e)
{
    loop->heap[slot] = e;
    e->slot = slot;
}

static void sift_up(struct loop *loop, size_t slot, struct sim_event *e)
{
    while (slot > 1 && is_sooner(e, loop->heap[slot / 2])) {
        put(loop, slot, loop->heap[slot / 2]);
        slot /= 2;
    }
    put(loop, slot, e);
}

static void sift_down(struct loop *loop, size_t slot, struct sim_event *e)
{
    for (size_t child; (child = slot * 2) <= loop->events; slot = child) {
        if (child < loop->events && is_sooner(loop->heap[child + 1], loop->heap[child]))
            child++;
        if (!is_sooner(loop->heap[child], e))
            break;
        put(loop, slot, loop->heap[child]);
    }
    put(loop, slot, e);
}

void sim_event_init(struct sim_event *e, void (*fn)(void *arg), void *arg)
{
    *e = (struct sim_event){.fn = fn, .arg = arg};
}

void sim_event_stop(struct loop *loop, struct sim_event *e)
{
    if (e->slot == 0)
        return;
    size_t slot = e->slot;
    struct sim_event *last = loop->heap[loop->events--];
    e->slot = 0;
    if (last == e)
        return;
    if (slot > 1 && is_sooner(last, loop->heap[slot / 2]))
        sift_up(loop, slot, last);
    else
        sift_down(loop, slot, last);
}

void sim_event_arm(struct loop *loop, struct sim_event *e, usec delay)
{
    sim_event_stop(loop, e);
    e->when = loop->now + (delay > 0 ? delay : 0);
    e->order = loop->order++;
    if (loop->events + 2 > loop->heap_size) {
        loop->heap_size = loop->heap_size ? loop->heap_size * 2 : 64;
        loop->heap = mem_resize(loop->heap, loop->heap_size * sizeof *loop->heap);
    }
    loop->events++;
    sift_up(loop, loop->events, e);
}

/* For the turn's budgets. The virtual clock stands still during a turn; work takes what the history
 * says. */
static usec turn_clock(void *arg)
{
    struct loop *loop = arg;
    return loop->worked += loop->work_takes;
}

static void watch_standstill(struct loop *loop, usec before)
{
    loop->turns_now = loop->now == before ? loop->turns_now + 1 : 0;
    if (loop->turns_now < STANDSTILL)
        return;
    fprintf(stderr, "sim: %d turns and the clock has not moved from %lld us\n", STANDSTILL,
            (long long)loop->now);
    abort();
}

bool sim_loop_turn(struct loop *loop, usec deadline)
{
    usec before = loop->now;
    if (!turn_has_work(&loop->turn)) {
        if (loop->events == 0 || loop->heap[1]->when > deadline)
            return false;
        if (loop->heap[1]->when > loop->now)
            loop->now = loop->heap[1]->when;
    }
    watch_standstill(loop, before);
    /* what is armed now comes in a later turn */
    uint64_t limit = loop->order;
    while (loop->events > 0 && loop->heap[1]->when <= loop->now && loop->heap[1]->order < limit) {
        struct sim_event *e = loop->heap[1];
        sim_event_stop(loop, e);
        e->fn(e->arg);
    }
    turn_end(&loop->turn);
    return true;
}

struct loop *sim_loop_make(struct sim *sim)
{
    struct loop *loop = NEW(struct loop);
    loop->sim = sim;
    loop->now = USEC_PER_SEC;
    turn_init(&loop->turn, turn_clock, loop);
    link_init(&loop->timers);
    return loop;
}

/* As loop_free of the real one: streams that are still saying goodbye have a timer each; their
 * patience is over. */
void sim_loop_end_patience(struct loop *loop)
{
    while (!link_is_alone(&loop->timers)) {
        struct timer *t = CONTAINER(loop->timers.next, struct timer, link);
        link_remove(&t->link);
        if (timer_is_armed(t)) {
            timer_stop(t);
            t->fn(t->arg);
        }
    }
}

void sim_loop_destroy(struct loop *loop)
{
    while (turn_has_work(&loop->turn)) {
        watch_standstill(loop, loop->now);
        turn_end(&loop->turn);
    }
    free(loop->heap);
    free(loop);
}

struct loop *loop_new(struct err *err)
{
    (void)err;
    return sim_loop(sim_new(1));
}

void loop_free(struct loop **loop)
{
    if (!*loop)
        return;
    struct sim *sim = (*loop)->sim;
    *loop = NULL;
    sim_free(&sim);
}

void loop_run(struct loop *loop)
{
    loop->stopped = false;
    while (!loop->stopped && sim_loop_turn(loop, INT64_MAX))
        continue;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}

usec loop_now(const struct loop *loop)
{
    return loop->now;
}

int64_t loop_wall_ms(const struct loop *loop)
{
    return INT64_C(1767225600000) + loop->now / USEC_PER_MS + loop->wall_ahead;
}

void sim_wall_jump(struct sim *sim, int64_t ms)
{
    sim->loop->wall_ahead += ms;
    sim_say(sim, "the wall clock jumps by %lld s", (long long)(ms / 1000));
}

void loop_random(struct loop *loop, void *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((unsigned char *)out)[i] = (unsigned char)(sim_rng_next(&loop->sim->product_rng) >> 32);
}

usec loop_longest_turn(struct loop *loop)
{
    (void)loop;
    return 0;
}

usec loop_worked(const struct loop *loop)
{
    (void)loop;
    return 0;
}

static void on_timer(void *arg)
{
    struct timer *t = arg;
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
    *t = (struct timer){.loop = loop, .fn = fn, .arg = arg};
    sim_event_init(&t->event, on_timer, t);
    deferred_init(&t->due, fire, t);
    list_push_back(&loop->timers, &t->link);
    loop->sim->living.timers++;
    return t;
}

void timer_free(struct timer **timer)
{
    if (!*timer)
        return;
    timer_stop(*timer);
    link_remove(&(*timer)->link);
    (*timer)->loop->sim->living.timers--;
    free(*timer);
    *timer = NULL;
}

void timer_arm(struct timer *timer, usec delay)
{
    timer_stop(timer);
    sim_event_arm(timer->loop, &timer->event, delay);
}

void timer_stop(struct timer *timer)
{
    sim_event_stop(timer->loop, &timer->event);
    deferred_cancel(&timer->due);
}

bool timer_is_armed(const struct timer *timer)
{
    return timer->event.slot != 0 || !link_is_alone(&timer->due.link);
}

usec timer_left(const struct timer *timer)
{
    return timer->event.slot != 0 && timer->event.when > timer->loop->now
               ? timer->event.when - timer->loop->now
               : 0;
}

void loop_defer(struct loop *loop, struct deferred *d)
{
    turn_defer(&loop->turn, d);
}

void loop_free_later(struct loop *loop, void *p, void (*destroy)(void *p))
{
    turn_free_later(&loop->turn, p, destroy);
}
