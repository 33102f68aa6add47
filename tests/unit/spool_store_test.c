/* The store, step by step, over a calm simulated disk: what it takes, what it writes, what it finds
 * at the start. Crashes are played in spool_crash_test.c. */
#include "spool_store_world.h"

static void on_done(void *arg, const struct err *err)
{
    (void)arg;
    got.done++;
    got.kind = err ? err->kind : ERR_NONE;
}

static void outcome(enum fate first, enum fate second)
{
    const struct store_fate fates[] = {{0, first, 450, "x"}, {1, second, 550, "y"}};
    const struct store_outcome o = {.fates = fates, .n = 2};
    store_message_outcome(got.message, &o, on_done, NULL);
    settle();
    assert_int_equal(got.kind, ERR_NONE);
    store_message_close(&got.message);
}

static void a_whole_life(void **state)
{
    (void)state;
    struct spool_entry *e = take("one", "Subject: x\r\n\r\nbody\r\n");
    assert_int_equal(got.ready, 1);
    /* one sync of the file, one of the directory */
    open_message(e);
    assert_non_null(got.message);
    assert_true(e->is_busy);
    struct store_message *m = got.message;
    store_message_open(store, e, on_opened, NULL);
    assert_int_equal(got.kind, ERR_IN_USE);
    got.message = m;
    store_message_read(m, on_octets, NULL);
    settle();
    assert_int_equal(got.read, STORE_END);
    assert_int_equal(got.len, 20);
    store_message_rewind(m);
    got.len = 0;
    store_message_read(m, on_octets, NULL);
    settle();
    assert_int_equal(got.len, 20);
    store_message_dot(m, on_done, NULL);
    settle();
    assert_int_equal(e->unknown, 1);
    outcome(FATE_SERVED, FATE_PUT_OFF);
    assert_true(e->waiting == 1 && e->unknown == 0 && e->tries == 1 && !e->is_busy);

    /* another start knows it */
    store_close(&store);
    open_store();
    e = store_find(store, "one");
    assert_true(e && e->waiting == 1 && e->tries == 1 && e->has_log);
    open_message(e);
    const struct store_fate last = {1, FATE_SERVED, 250, ""};
    const struct store_outcome o = {.fates = &last, .n = 1};
    store_message_outcome(got.message, &o, on_done, NULL);
    settle();
    assert_null(store_message_entry(got.message));
    assert_int_equal(got.gone, 1);
    assert_int_equal(sim_disk_count(sim, "s/queue"), 0);
}

static void syncs_are_shared(void **state)
{
    (void)state;
    settings.max_messages = 2000;
    settings.max_size = 1 << 30;
    store_set(store, &settings);
    settle();
    unsigned files = sim_disk_syncs(sim), directories = sim_disk_directory_syncs(sim);
    take("alone", "x");
    /* and the clock, with the first message */
    assert_true(sim_disk_syncs(sim) - files <= 2);
    assert_true(sim_disk_directory_syncs(sim) - directories <= 2);
    settle();
    files = sim_disk_syncs(sim);
    directories = sim_disk_directory_syncs(sim);
    for (int i = 0; i < 1000; i++) {
        char id[16];
        enum store_no no;
        snprintf(id, sizeof id, "m%d", i);
        struct store_writer *w = begin(id, 0, &no);
        assert_non_null(w);
        store_write(w, slice_of("x"));
        store_end(w);
    }
    sim_run_for(sim, 5 * USEC_PER_SEC);
    assert_int_equal(got.taken, 1001);
    assert_true(sim_disk_syncs(sim) - files <= 1001);
    assert_true(sim_disk_directory_syncs(sim) - directories <= 3);
}

static void a_full_disk(void **state)
{
    enum store_no no;
    (void)state;
    struct store_writer *w = begin("one", 0, &no);
    settle();
    sim_disk_faults(sim)->full = true;
    store_write(w, slice_of("octets"));
    store_end(w);
    settle();
    assert_true(got.failed == 1 && got.why == STORE_NO_DISK);
    assert_int_equal(sim_disk_count(sim, "s/queue"), 0);
    /* the disk is trusted: the next that fits is taken at once */
    sim_disk_faults(sim)->full = false;
    take("two", "x");
}

static void a_sync_that_failed(void **state)
{
    enum store_no no;
    (void)state;
    sim_disk_faults(sim)->syncs = 1000;
    struct store_writer *w = begin("one", 0, &no);
    store_end(w);
    settle();
    assert_true(got.failed == 1 && got.why == STORE_NO_TRUST && got.taken == 0);
    assert_int_equal(sim_disk_count(sim, "s/queue"), 0);
    assert_null(begin("two", 0, &no));
    assert_int_equal(no, STORE_NO_TRUST);
    sim_run_for(sim, 30 * USEC_PER_SEC);
    assert_null(begin("two", 0, &no));
    sim_disk_faults(sim)->syncs = 0;
    sim_run_for(sim, 11 * USEC_PER_SEC);
    take("two", "x");
    assert_int_equal(sim_disk_count(sim, "s/queue"), 1);
}

static void failed_and_back(void **state)
{
    const size_t both[] = {0, 1};
    char id[SPOOL_ID_SIZE];
    enum store_no no;
    (void)state;
    struct spool_entry *e = take("one", "x");
    open_message(e);
    store_bounce_id(e, id);
    assert_string_equal(id, "one.b1");
    struct store_writer *w = begin(id, 0, &no);
    store_end(w);
    settle();
    struct spool_entry *bounce = got.entry;
    assert_true(bounce->is_held);
    assert_int_equal(got.ready, 1);
    store_message_give_up(got.message, both, 2, bounce, on_done, NULL);
    settle();
    store_message_close(&got.message);
    assert_false(bounce->is_held);
    assert_int_equal(got.ready, 2);
    assert_true(e->place == PLACE_FAILED && e->failed == 2 && e->bounces == 1);
    assert_int_equal(sim_disk_count(sim, "s/failed"), 2);
    usec before = e->since;
    sim_run_for(sim, 60 * USEC_PER_SEC);
    store_retry(store, e, on_done, NULL);
    settle();
    assert_true(e->place == PLACE_QUEUE && e->waiting == 2 && e->since > before);
    assert_int_equal(sim_disk_count(sim, "s/failed"), 0);
    assert_int_equal(got.ready, 3);
    store_remove(store, e, on_done, NULL);
    settle();
    assert_null(store_find(store, "one"));
    /* its bounce is a message of its own */
    assert_non_null(store_find(store, "one.b1"));
}

static void old_failures_go(void **state)
{
    const size_t both[] = {0, 1};
    (void)state;
    struct spool_entry *e = take("one", "x");
    open_message(e);
    store_message_give_up(got.message, both, 2, NULL, on_done, NULL);
    settle();
    store_message_close(&got.message);
    sim_run_for(sim, 29 * DAY);
    assert_non_null(store_find(store, "one"));
    sim_run_for(sim, 2 * DAY);
    assert_null(store_find(store, "one"));
    assert_true(sim_log_has(sim, "older than failed_age"));
    /* more than a tenth of the room: the oldest goes */
    char *body = mem_alloc(6001);
    memset(body, 'x', 6000);
    for (int i = 0; i < 3; i++) {
        char id[16];
        snprintf(id, sizeof id, "big%d", i);
        e = take(id, body);
        open_message(e);
        store_message_give_up(got.message, both, 2, NULL, on_done, NULL);
        settle();
        store_message_close(&got.message);
    }
    free(body);
    sim_run_for(sim, 11 * USEC_PER_SEC);
    assert_null(store_find(store, "big0"));
    assert_null(store_find(store, "big1"));
    assert_non_null(store_find(store, "big2"));
}

static void a_removal_that_failed_is_made_again(void **state)
{
    (void)state;
    struct spool_entry *e = take("one", "x");
    sim_disk_faults(sim)->renames = 1000;
    store_remove(store, e, on_done, NULL);
    settle();
    assert_int_equal(got.done, 1);
    assert_true(store_find(store, "one") == e && !e->is_busy);
    /* nobody brings it back meanwhile */
    store_retry(store, e, on_done, NULL);
    assert_int_equal(got.done, 2);
    sim_disk_faults(sim)->renames = 0;
    sim_run_for(sim, 30 * USEC_PER_SEC);
    assert_null(store_find(store, "one"));
    assert_int_equal(sim_disk_count(sim, "s/queue"), 0);
}

static void one_process_at_a_time(void **state)
{
    struct err err;
    (void)state;
    assert_null(store_open(sim_io(sim), &settings, &err));
    assert_int_equal(err.kind, ERR_IN_USE);
}

static void time_goes_on(void **state)
{
    (void)state;
    struct spool_entry *e = take("one", "x");
    usec queued = e->queued;
    sim_run_for(sim, DAY);
    store_close(&store);
    open_store();
    e = store_find(store, "one");
    assert_true(e->queued == queued);
    /* no more than ten minutes of running time are forgotten */
    assert_true(store_now(store) - queued > DAY - 601 * USEC_PER_SEC);
}

static void a_large_body(void **state)
{
    char *chunk = mem_alloc(16384);
    enum store_no no;
    unsigned waits = 0;
    (void)state;
    settings.max_size = 1ull << 30;
    store_set(store, &settings);
    sim_disk_faults(sim)->slowest = USEC_PER_SEC;
    struct store_writer *w = begin("large", 50 << 20, &no);
    for (int i = 0; i < 50 * 64; i++) {
        if (store_write(w, slice_make(chunk, 16384)))
            continue;
        unsigned before = got.low;
        while (got.low == before)
            sim_run_for(sim, USEC_PER_SEC);
        waits++;
    }
    store_end(w);
    sim_run_for(sim, 600 * USEC_PER_SEC);
    free(chunk);
    assert_true(waits > 5);
    assert_int_equal(got.taken, 1);
    assert_true(got.entry->size > 50u << 20);
}

/* The last recipient was served, the process ends at some half step of the removal, the power goes
 * at some half step of the next start: what comes back still knows who was served. */
static void crash_twice(uint64_t seed, uint64_t first, uint64_t second)
{
    struct err err;
    store_close(&store);
    sim_free(&sim);
    sim = sim_new(seed);
    open_store();
    open_message(take("one", "x"));
    outcome(FATE_SERVED, FATE_PUT_OFF);
    open_message(store_find(store, "one"));
    const struct store_fate last = {1, FATE_SERVED, 250, ""};
    const struct store_outcome o = {.fates = &last, .n = 1};
    sim_disk_halt_after(sim, first);
    store_message_outcome(got.message, &o, on_done, NULL);
    settle();
    got.message = NULL;
    store_close(&store);
    sim_disk_crash(sim, false);
    sim_disk_halt_after(sim, second);
    store = store_open(sim_io(sim), &settings, &err);
    store_close(&store);
    sim_disk_crash(sim, true);
    open_store();
    const struct spool_entry *e = store_find(store, "one");
    assert_true(!e || e->waiting == 1);
}

static void the_log_never_goes_first(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        for (uint64_t first = 0; first < 8; first++)
            for (uint64_t second = 0; second < 50; second++)
                crash_twice(seed, first, second);
}

/* As a command does without a server: nothing runs but the call. */
static void without_a_loop(void **state)
{
    struct err err;
    enum store_no no;
    const size_t both[] = {0, 1};
    (void)state;
    store_close(&store);
    store = store_open(sim_io(sim), &settings, &err);
    assert_non_null(store);
    struct store_writer *w = begin("one", 0, &no);
    store_write(w, slice_of("body"));
    store_end(w);
    assert_int_equal(got.taken, 1);
    struct spool_entry *e = got.entry;
    store_message_open(store, e, on_opened, NULL);
    store_message_read(got.message, on_octets, NULL);
    assert_int_equal(got.read, STORE_END);
    store_message_give_up(got.message, both, 2, NULL, on_done, NULL);
    store_message_close(&got.message);
    assert_int_equal(e->place, PLACE_FAILED);
    store_retry(store, e, on_done, NULL);
    assert_int_equal(e->place, PLACE_QUEUE);
    store_remove(store, e, on_done, NULL);
    assert_null(store_find(store, "one"));
    /* its end within the calls, at each of them */
    sim_disk_faults(sim)->full = true;
    assert_null(begin("two", 0, &no));
    assert_int_equal(got.failed, 1);
    sim_disk_faults(sim)->full = false;
    char *octets = mem_alloc(80000);
    w = begin("three", 0, &no);
    sim_disk_faults(sim)->full = true;
    assert_true(store_write(w, slice_make(octets, 80000)));
    assert_int_equal(got.failed, 2);
    free(octets);
    sim_disk_faults(sim)->full = false;
    w = begin("four", 0, &no);
    sim_disk_faults(sim)->full = true;
    store_end(w);
    assert_int_equal(got.failed, 3);
    assert_true(store_is_idle(store));
    assert_int_equal(sim_disk_count(sim, "s/queue"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_life),          TEST(syncs_are_shared),

        TEST(a_full_disk),           TEST(a_sync_that_failed),
        TEST(failed_and_back),       TEST(old_failures_go),
        TEST(one_process_at_a_time), TEST(the_log_never_goes_first),
        TEST(without_a_loop),        TEST(time_goes_on),
        TEST(a_large_body),          TEST(a_removal_that_failed_is_made_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
