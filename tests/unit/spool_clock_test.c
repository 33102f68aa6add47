/* The virtual clock where the wall clock jumps and the program starts anew: time switched off
 * counts, a jump never does. Each test has a message that waits, and asks after a start how old it
 * is. */
#include "spool_store_world.h"

#define HOUR (3600 * USEC_PER_SEC)
/* from 2026 back to 1970, in milliseconds */
#define TO_1970 (-INT64_C(1767225600000))

static void start_again(void)
{
    store_close(&store);
    sim_disk_crash(sim, false);
    open_store();
}

static usec age_of(const char *id)
{
    const struct spool_entry *e = store_find(store, id);
    assert_non_null(e);
    return store_now(store) - e->since;
}

static void to_1970(void)
{
    store_close(&store);
    sim_wall_jump(sim, TO_1970);
    open_store();
}

static void wait_for(usec span)
{
    sim_run_for(sim, span);
}

static void time_switched_off_counts(void **state)
{
    (void)state;
    take("one", "x");
    wait_for(HOUR);
    store_close(&store);
    wait_for(3 * HOUR);
    open_store();
    assert_in_range(age_of("one"), 4 * HOUR, 4 * HOUR + 60 * USEC_PER_SEC);
    /* at most what leaves it one try */
    store_close(&store);
    wait_for(90 * DAY);
    open_store();
    assert_in_range(age_of("one"), 5 * DAY, 5 * DAY + 5 * HOUR);
}

/* NTP sets the clock of a box that woke in 1970, and the program ends: at once, or later. */
static void a_jump_from_1970_does_not(void **state)
{
    static const usec later[] = {0, USEC_PER_SEC, 15 * USEC_PER_SEC, 700 * USEC_PER_SEC};
    (void)state;
    to_1970();
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        char id[16];
        snprintf(id, sizeof id, "m%zu", i);
        take(id, "x");
        wait_for(700 * USEC_PER_SEC);
        sim_wall_jump(sim, -TO_1970);
        wait_for(later[i]);
        start_again();
        assert_in_range(age_of(id), 0, HOUR);
        to_1970();
    }
}

/* A clock that was right to a month when the box started. */
static void a_jump_of_a_month_does_not(void **state)
{
    (void)state;
    for (int back = 0; back < 2; back++) {
        const char *id = back ? "back" : "forth";
        take(id, "x");
        wait_for(30 * USEC_PER_SEC);
        sim_wall_jump(sim, (back ? -1 : 1) * 30 * INT64_C(86400000));
        wait_for(15 * USEC_PER_SEC);
        start_again();
        assert_in_range(age_of(id), 0, HOUR);
    }
}

/* Nothing waits, so nobody writes the clock's file: the head of the next message knows. */
static void nor_one_while_nothing_waits(void **state)
{
    (void)state;
    take("first", "x");
    wait_for(30 * USEC_PER_SEC);
    store_remove(store, got.entry, NULL, NULL);
    settle();
    sim_wall_jump(sim, 30 * INT64_C(86400000));
    wait_for(60 * USEC_PER_SEC);
    take("second", "x");
    start_again();
    assert_in_range(age_of("second"), 0, HOUR);
}

/* The file could not be written when the jump was seen. */
static void an_error_is_not_the_end_of_it(void **state)
{
    (void)state;
    take("one", "x");
    wait_for(30 * USEC_PER_SEC);
    sim_disk_faults(sim)->full = true;
    sim_wall_jump(sim, 30 * INT64_C(86400000));
    wait_for(15 * USEC_PER_SEC);
    sim_disk_faults(sim)->full = false;
    wait_for(15 * USEC_PER_SEC);
    start_again();
    assert_in_range(age_of("one"), 0, HOUR);
}

/* Who ends in order within the ten seconds in which nobody looks at the clock. */
static void an_orderly_end_writes_it(void **state)
{
    (void)state;
    take("one", "x");
    wait_for(28 * USEC_PER_SEC);
    sim_wall_jump(sim, 30 * INT64_C(86400000));
    store_note_clock(store);
    settle();
    assert_true(store_is_idle(store));
    start_again();
    assert_in_range(age_of("one"), 0, HOUR);
}

/* A clock that is slewed, or that lags a little: no write more than one in ten minutes. */
static void it_is_written_rarely(void **state)
{
    (void)state;
    take("one", "x");
    wait_for(30 * USEC_PER_SEC);
    unsigned before = sim_disk_syncs(sim);
    for (int i = 0; i < 50; i++) {
        sim_wall_jump(sim, i % 2 ? -200 : 300);
        wait_for(10 * USEC_PER_SEC);
    }
    assert_int_equal(sim_disk_syncs(sim), before);
    wait_for(HOUR);
    assert_in_range(sim_disk_syncs(sim) - before, 5, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(time_switched_off_counts),      TEST(a_jump_from_1970_does_not),
        TEST(a_jump_of_a_month_does_not),    TEST(nor_one_while_nothing_waits),
        TEST(an_error_is_not_the_end_of_it), TEST(an_orderly_end_writes_it),
        TEST(it_is_written_rarely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
