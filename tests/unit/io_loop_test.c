#include <time.h>

#include "io_help.h"

struct trace {
    struct loop *loop;
    char text[64];
    struct deferred a, b;
    struct timer *timer;
    int runs;
};

static void add(struct trace *t, const char *what)
{
    strncat(t->text, what, sizeof t->text - strlen(t->text) - 1);
}

static void run_b(void *arg)
{
    add(arg, "b");
}

static void destroy(void *arg)
{
    struct trace **box = arg;
    add(*box, "x");
    free(box);
}

static void run_a(void *arg)
{
    struct trace *t = arg;
    struct trace **box = malloc(sizeof *box);
    *box = t;
    loop_free_later(t->loop, box, destroy);
    add(t, "a");
    loop_defer(t->loop, &t->b);
}

static void stop(void *arg)
{
    struct trace *t = arg;
    add(t, "t");
    loop_stop(t->loop);
}

/* Work deferred by deferred work still runs in this turn; frees come last; deferring twice is one
 * run; cancelled work does not run. */
static void test_deferred_order(void **state)
{
    struct trace t = {.loop = new_loop()};
    struct deferred never;
    (void)state;
    deferred_init(&t.a, run_a, &t);
    deferred_init(&t.b, run_b, &t);
    deferred_init(&never, run_b, &t);
    loop_defer(t.loop, &never);
    loop_defer(t.loop, &t.a);
    loop_defer(t.loop, &t.a);
    deferred_cancel(&never);
    t.timer = timer_new(t.loop, stop, &t);
    timer_arm(t.timer, 0);
    loop_run(t.loop);
    assert_string_equal(t.text, "abxt");
    timer_free(&t.timer);
    loop_free(&t.loop);
    assert_null(t.loop);
}

static void again(void *arg)
{
    struct trace *t = arg;
    t->runs++;
    loop_defer(t->loop, &t->a);
}

/* Work that defers itself for ever lets timers and sockets live. */
static void test_deferred_cannot_starve(void **state)
{
    struct trace t = {.loop = new_loop()};
    (void)state;
    deferred_init(&t.a, again, &t);
    loop_defer(t.loop, &t.a);
    t.timer = timer_new(t.loop, stop, &t);
    timer_arm(t.timer, USEC_PER_MS);
    loop_run(t.loop);
    assert_string_equal(t.text, "t");
    assert_true(t.runs > 1);
    deferred_cancel(&t.a);
    timer_free(&t.timer);
    loop_free(&t.loop);
}

static void again_until_twenty(void *arg)
{
    struct trace *t = arg;
    if (++t->runs == 20)
        loop_stop(t->loop);
    else
        loop_defer(t->loop, &t->a);
}

/* ... and needs no timer and no socket to come to its next turn. */
static void test_deferred_wakes_itself(void **state)
{
    struct trace t = {.loop = new_loop()};
    (void)state;
    deferred_init(&t.a, again_until_twenty, &t);
    loop_defer(t.loop, &t.a);
    /* lest a failure hang */
    t.timer = timer_new(t.loop, stop, &t);
    timer_arm(t.timer, 20 * USEC_PER_SEC);
    loop_run(t.loop);
    assert_string_equal(t.text, "");
    assert_int_equal(t.runs, 20);
    timer_free(&t.timer);
    loop_free(&t.loop);
}

static void free_own_timer(void *arg)
{
    struct trace *t = arg;
    assert_false(timer_is_armed(t->timer));
    timer_free(&t->timer);
    add(t, "1");
}

static void test_timers(void **state)
{
    struct trace t = {.loop = new_loop()};
    (void)state;
    t.timer = timer_new(t.loop, free_own_timer, &t);
    struct timer *last = timer_new(t.loop, stop, &t);
    struct timer *never = timer_new(t.loop, stop, &t);
    timer_arm(never, 0);
    timer_stop(never);
    assert_false(timer_is_armed(never));
    assert_int_equal(timer_left(never), 0);
    timer_arm(last, 3600 * USEC_PER_SEC);
    assert_true(timer_left(last) > 3500 * USEC_PER_SEC);
    /* replaces */
    timer_arm(last, 30 * USEC_PER_MS);
    timer_arm(t.timer, -5);
    usec before = loop_now(t.loop);
    loop_run(t.loop);
    assert_string_equal(t.text, "1t");
    assert_true(loop_now(t.loop) > before);
    timer_free(&last);
    timer_free(&never);
    loop_free(&t.loop);
}

static void sleep_a_little(void *arg)
{
    (void)arg;
    usleep(2000);
}

static void test_clocks_and_chance(void **state)
{
    struct loop *loop = new_loop();
    unsigned char a[300] = {0}, b[300] = {0};
    (void)state;
    assert_true(loop_wall_ms(loop) > 1700000000000);
    loop_random(loop, a, sizeof a);
    loop_random(loop, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a + 256, b + 256, 44);
    struct deferred slow;
    deferred_init(&slow, sleep_a_little, NULL);
    loop_defer(loop, &slow);
    spin_some(loop);
    assert_true(loop_longest_turn(loop) >= 2 * USEC_PER_MS);
    loop_free(&loop);
}

static usec real_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (usec)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

static void stop_it(void *arg)
{
    loop_stop(arg);
}

/* One turn of 2 ms, and a wait of some 40; how much of it the loop says that it worked. */
static bool mostly_waited(void)
{
    struct loop *loop = new_loop();
    struct deferred slow;
    deferred_init(&slow, sleep_a_little, NULL);
    loop_defer(loop, &slow);
    struct timer *end = timer_new(loop, stop_it, loop);
    timer_arm(end, 40 * USEC_PER_MS);
    usec began = real_time();
    loop_run(loop);
    usec passed = real_time() - began, worked = loop_worked(loop);
    assert_true(worked >= 2 * USEC_PER_MS);
    timer_free(&end);
    loop_free(&loop);
    return worked < passed / 2;
}

/* A machine that puts us aside makes a turn long: one try that it leaves alone is enough. */
static void test_waiting_is_no_work(void **state)
{
    int tries = 0;
    (void)state;
    while (!mostly_waited())
        assert_true(++tries < 100);
}

/* ---- turns that get long ---- */

/* an end of a connection that has something to read, and takes its time over it */
struct slow {
    struct transport *transport;
    int far;
    /* at the beginning of which turn; 0: not yet */
    usec woken;
    usec takes;
    /* is ready again at once */
    bool insists;
    int times;
};

static void on_slow_wake(void *arg)
{
    struct slow *s = arg;
    struct timespec t = {.tv_nsec = (long)s->takes * 1000};
    s->woken = loop_now(s->transport->loop);
    s->times++;
    if (!s->insists)
        s->transport->ops->want(s->transport, false, false);
    nanosleep(&t, NULL);
}

static void slow_begin(struct slow *s, struct loop *loop, usec takes)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    *s = (struct slow){
        .transport = transport_accepted(loop, ends[0], &nobody), .far = ends[1], .takes = takes};
    s->transport->wake = on_slow_wake;
    s->transport->stream = s;
    s->transport->ops->want(s->transport, true, false);
    assert_int_equal(write(s->far, "x", 1), 1);
}

static void slow_end(struct slow *s)
{
    s->transport->ops->close(s->transport);
    close(s->far);
}

static bool both_were_woken(void *arg)
{
    const struct slow *s = arg;
    return s[0].woken && s[1].woken;
}

/* In the same turn? */
static bool two_at_once(usec takes)
{
    struct loop *loop = new_loop();
    struct slow two[2];
    slow_begin(&two[0], loop, takes);
    slow_begin(&two[1], loop, takes);
    spin_until(loop, both_were_woken, two);
    bool same = two[0].woken == two[1].woken;
    slow_end(&two[0]);
    slow_end(&two[1]);
    loop_free(&loop);
    return same;
}

static void test_a_long_turn_leaves_the_rest_to_the_next(void **state)
{
    (void)state;
    assert_true(two_at_once(0));
    assert_false(two_at_once(20 * USEC_PER_MS));
}

struct long_work {
    struct deferred deferred;
    struct loop *loop;
    /* in which turn; 0: not yet */
    usec ran;
    int *order, place;
};

static void work_long(void *arg)
{
    struct long_work *w = arg;
    struct timespec t = {.tv_nsec = 20000000};
    w->ran = loop_now(w->loop);
    w->place = ++*w->order;
    nanosleep(&t, NULL);
}

static bool all_worked(void *arg)
{
    const struct long_work *w = arg;
    return w[0].ran && w[1].ran && w[2].ran;
}

/* In the order in which it was deferred all the same. */
static void test_long_deferred_work_is_spread(void **state)
{
    struct loop *loop = new_loop();
    struct long_work w[3];
    int order = 0;
    (void)state;
    for (int i = 0; i < 3; i++) {
        w[i] = (struct long_work){.loop = loop, .order = &order};
        deferred_init(&w[i].deferred, work_long, &w[i]);
        loop_defer(loop, &w[i].deferred);
    }
    spin_until(loop, all_worked, w);
    for (int i = 0; i < 3; i++)
        assert_int_equal(w[i].place, i + 1);
    assert_true(w[0].ran < w[1].ran && w[1].ran < w[2].ran);
    loop_free(&loop);
}

enum { STORM = 1000, PER_TURN = 10 };

struct storm {
    struct loop *loop;
    struct timer *timers[STORM];
    bool has_fired[STORM];
    /* in which the last timer fired */
    usec turn;
    int fired, turns, in_turn, most;
};

struct storm_timer {
    struct storm *storm;
    int number;
};

static void on_storm(void *arg)
{
    struct storm_timer *t = arg;
    struct storm *s = t->storm;
    struct timespec millisecond = {.tv_nsec = 1000000};
    if (s->turn != loop_now(s->loop)) {
        s->turn = loop_now(s->loop);
        s->turns++;
        s->in_turn = 0;
    }
    assert_false(s->has_fired[t->number]);
    s->has_fired[t->number] = true;
    s->fired++;
    s->in_turn++;
    if (s->in_turn > s->most)
        s->most = s->in_turn;
    if (s->fired == 100)
        loop_stop(s->loop);
    nanosleep(&millisecond, NULL);
}

/* Many timers of one instant, each of which takes a millisecond: no turn runs more of them than its
 * budget holds, and those that wait may still be stopped, armed anew or freed. */
static void test_a_storm_of_timers_is_spread(void **state)
{
    static struct storm_timer args[STORM];
    struct storm s = {.loop = new_loop()};
    (void)state;
    for (int i = 0; i < STORM; i++) {
        args[i] = (struct storm_timer){&s, i};
        s.timers[i] = timer_new(s.loop, on_storm, &args[i]);
        timer_arm(s.timers[i], 0);
    }
    /* all are due in the first turn */
    usleep(1000);
    loop_run(s.loop);
    int fired = s.fired;
    assert_true(fired < STORM);
    assert_in_range(s.most, 1, PER_TURN + 1);
    assert_true(s.turns >= fired / (PER_TURN + 1));
    for (int i = 0; i < STORM; i++) {
        assert_int_equal(timer_is_armed(s.timers[i]), !s.has_fired[i]);
        assert_int_equal(timer_left(s.timers[i]), 0);
        if (i % 3 == 0)
            timer_arm(s.timers[i], 3600 * USEC_PER_SEC);
        else if (i % 3 == 1)
            timer_stop(s.timers[i]);
        else
            timer_free(&s.timers[i]);
    }
    spin_some(s.loop);
    assert_int_equal(s.fired, fired);
    assert_true(timer_left(s.timers[0]) > 3500 * USEC_PER_SEC);
    assert_false(timer_is_armed(s.timers[1]));
    for (int i = 0; i < STORM; i++)
        timer_free(&s.timers[i]);
    loop_free(&s.loop);
}

/* ---- turns that come late ---- */

struct late {
    struct slow slow;
    struct timer *timer;
    usec armed, fired;
};

static void on_late_wake(void *arg)
{
    struct late *l = CONTAINER(arg, struct late, slow);
    l->slow.times++;
    timer_stop(l->timer);
    l->slow.transport->ops->want(l->slow.transport, false, false);
}

static void on_late_timer(void *arg)
{
    struct late *l = arg;
    l->fired = real_time();
}

static bool late_is_over(void *arg)
{
    const struct late *l = arg;
    return l->slow.times || l->fired;
}

/* The machine puts the process aside until a deadline is over, and what was waited for came in
 * time: it is heard first, and may end the wait. */
static void test_what_came_goes_before_what_is_due(void **state)
{
    struct loop *loop = new_loop();
    struct late l;
    (void)state;
    slow_begin(&l.slow, loop, 0);
    l.slow.transport->wake = on_late_wake;
    l.fired = 0;
    l.timer = timer_new(loop, on_late_timer, &l);
    timer_arm(l.timer, USEC_PER_MS);
    usleep(5000);
    spin_until(loop, late_is_over, &l);
    assert_int_equal(l.slow.times, 1);
    assert_int_equal(l.fired, 0);
    timer_free(&l.timer);
    slow_end(&l.slow);
    loop_free(&loop);
}

static void arm_late(void *arg)
{
    struct late *l = arg;
    usleep(60000);
    l->armed = real_time();
    timer_arm(l->timer, 30 * USEC_PER_MS);
    assert_in_range(timer_left(l->timer), 1, 30 * USEC_PER_MS);
}

/* A turn that took long, whoever held it, takes nothing from a wait that begins at its end. */
static void test_a_wait_begins_when_it_is_armed(void **state)
{
    struct loop *loop = new_loop();
    struct late l = {.timer = timer_new(loop, on_late_timer, &l)};
    struct deferred work;
    (void)state;
    deferred_init(&work, arm_late, &l);
    loop_defer(loop, &work);
    spin_until(loop, late_is_over, &l);
    assert_true(l.fired - l.armed >= 29 * USEC_PER_MS);
    timer_free(&l.timer);
    loop_free(&loop);
}

enum { INSISTENT = 4, WAKES = 3 * INSISTENT };

static bool enough_wakes(void *arg)
{
    const struct slow *s = arg;
    int times = 0;
    for (int i = 0; i < INSISTENT; i++)
        times += s[i].times;
    return times >= WAKES;
}

/* Who is always ready gets no more than his share. */
static void test_long_turns_starve_nobody(void **state)
{
    struct loop *loop = new_loop();
    struct slow all[INSISTENT];
    (void)state;
    for (int i = 0; i < INSISTENT; i++) {
        slow_begin(&all[i], loop, 20 * USEC_PER_MS);
        all[i].insists = true;
    }
    spin_until(loop, enough_wakes, all);
    for (int i = 0; i < INSISTENT; i++) {
        assert_in_range(all[i].times, WAKES / INSISTENT - 1, WAKES / INSISTENT + 1);
        slow_end(&all[i]);
    }
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deferred_order),
        cmocka_unit_test(test_deferred_cannot_starve),
        cmocka_unit_test(test_deferred_wakes_itself),
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_clocks_and_chance),
        cmocka_unit_test(test_waiting_is_no_work),
        cmocka_unit_test(test_a_long_turn_leaves_the_rest_to_the_next),
        cmocka_unit_test(test_long_turns_starve_nobody),
        cmocka_unit_test(test_long_deferred_work_is_spread),
        cmocka_unit_test(test_a_storm_of_timers_is_spread),
        cmocka_unit_test(test_what_came_goes_before_what_is_due),
        cmocka_unit_test(test_a_wait_begins_when_it_is_armed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
