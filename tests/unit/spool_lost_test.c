/* A message that was written beside its sending, and whose end of data had no answer: its head
 * cannot say so, its log does. What heard 250 knows it after a stop between any two half steps of
 * the disk, and so does what is there without a 250: or it would be tried once too often. */
#include "spool_store_world.h"

/* as many as taking one takes, with its log, and some more */
enum { HALF_STEPS = 40 };

static void lose_one(const char *body)
{
    enum store_no no;
    struct store_writer *w = begin("one", 0, &no);
    assert_non_null(w);
    (void)store_write(w, slice_of(body));
    settle();
    /* the writer is gone */
    if (got.failed)
        return;
    store_lost(w);
    store_end(w);
    settle();
}

static void start_again(bool power_cut)
{
    store_close(&store);
    sim_disk_crash(sim, power_cut);
    *sim_disk_faults(sim) = (struct sim_disk_faults){0};
    open_store();
}

/* Another world, with other chances of what a power cut keeps. */
static void anew(void **state, uint64_t seed)
{
    tear_down(state);
    memset(&got, 0, sizeof got);
    sim = sim_new(seed);
    open_store();
    settle();
}

static void on_dot(void *arg, const struct err *err)
{
    (void)arg;
    assert_null(err);
    got.done++;
}

/* Before a start as after it, and the log goes on behind it. */
static void it_is_known(void **state)
{
    (void)state;
    lose_one("x");
    assert_int_equal(got.taken, 1);
    struct spool_entry *e = got.entry;
    assert_int_equal(e->unknown, 1);
    assert_int_equal(e->tries, 0);
    assert_int_equal(take("two", "y")->unknown, 0);
    open_message(e);
    assert_int_equal(history_unknown(store_message_history(got.message)), 1);
    store_message_dot(got.message, on_dot, NULL);
    settle();
    assert_int_equal(got.done, 1);
    store_message_close(&got.message);
    start_again(false);
    assert_int_equal(store_find(store, "two")->unknown, 0);
    assert_int_equal(store_find(store, "one")->unknown, 2);
    open_message(store_find(store, "one"));
    store_message_read(got.message, on_octets, NULL);
    settle();
    assert_int_equal(got.read, STORE_END);
    assert_int_equal(got.len, 1);
}

static void a_stop_forgets_nothing(void **state)
{
    unsigned taken = 0, found = 0, none = 0;
    for (int cut = 0; cut < 2; cut++)
        for (uint64_t half = 1; half < HALF_STEPS; half++)
            for (uint64_t seed = 1; seed <= 20; seed++) {
                anew(state, seed);
                sim_disk_halt_after(sim, half);
                lose_one("a body");
                taken += got.taken;
                start_again(cut);
                struct spool_entry *e = store_find(store, "one");
                assert_true(e || !got.taken);
                assert_true(!e || e->unknown == 1);
                found += e && !got.taken;
                none += !e;
                settle();
                assert_int_equal(sim_disk_count(sim, "s/queue"), e ? 2 : 0);
            }
    assert_true(taken > 100 && found > 10 && none > 100);
}

/* Nothing of it stays where a call fails, and nothing is half kept. */
static void an_error_leaves_nothing(void **state)
{
    unsigned failed = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        anew(state, seed);
        *sim_disk_faults(sim) = (struct sim_disk_faults){.writes = 150, .syncs = 150};
        lose_one("a body");
        failed += got.failed;
        assert_int_equal(got.failed + got.taken, 1);
        assert_int_equal(sim_disk_count(sim, "s/queue"), got.taken ? 2 : 0);
    }
    assert_true(failed > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(it_is_known), TEST(a_stop_forgets_nothing),
                                       TEST(an_error_leaves_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
