/* The store over a directory that it did not leave so: damage, another version, foreign files. */
#include "spool_store_world.h"

/* An octet changes on the disk while nobody looks. */
static void rot(const char *name, size_t from_end)
{
    struct slice octets;
    assert_true(sim_disk_get(sim, "s/queue", name, &octets));
    char *copy = mem_copy(octets.data, octets.len);
    copy[octets.len - from_end] ^= 1;
    sim_disk_put(sim, "s/queue", name, slice_make(copy, octets.len));
    free(copy);
}

static void damage_goes_to_corrupt(void **state)
{
    (void)state;
    struct spool_entry *e = take("one", "Subject: x\r\n\r\nbody\r\n");
    take("two", "y");
    take("three", "z");
    /* in the body: found before the end of data, not before */
    rot("one", SPOOL_TAIL_SIZE + 3);
    open_message(e);
    store_message_read(got.message, on_octets, NULL);
    settle();
    assert_int_equal(got.read, STORE_DAMAGED);
    assert_null(store_message_entry(got.message));
    store_message_close(&got.message);
    assert_int_equal(store_corrupt(store), 1);
    /* in the head: found when it is opened; in the tail: at the start */
    rot("two", SPOOL_TAIL_SIZE + 30);
    open_message(store_find(store, "two"));
    assert_true(!got.message && got.kind == ERR_PROTOCOL);
    rot("three", SPOOL_TAIL_SIZE);
    store_close(&store);
    open_store();
    assert_null(store_find(store, "three"));
    assert_int_equal(store_corrupt(store), 3);
    assert_int_equal(sim_disk_count(sim, "s/corrupt"), 3);
    assert_int_equal(sim_disk_count(sim, "s/queue"), 0);
    /* an administrator has looked at them */
    store_close(&store);
    open_store();
    assert_int_equal(store_corrupt(store), 3);
}

static void another_version(void **state)
{
    struct err err;
    (void)state;
    store_close(&store);
    sim_disk_put(sim, "s", "format", slice_of("smtp-detour spool 2\n"));
    assert_null(store_open(sim_io(sim), &settings, &err));
    assert_int_equal(err.kind, ERR_INVALID);
    sim_disk_put(sim, "s", "format", slice_of("smtp-detour spool 1\n"));
    open_store();
}

static void strangers_are_left_alone(void **state)
{
    (void)state;
    take("one", "x");
    store_close(&store);
    sim_disk_put(sim, "s/queue", "README-please", slice_of("hello"));
    sim_disk_put(sim, "s/queue", "old.new", slice_of("hello"));
    sim_disk_put(sim, "s/queue", "orphan.log", slice_of("hello"));
    open_store();
    assert_int_equal(store_index(store)->counts[PLACE_QUEUE], 1);
    assert_int_equal(sim_disk_count(sim, "s/queue"), 2);
    struct slice octets;
    assert_true(sim_disk_get(sim, "s/queue", "README-please", &octets));
}

/* A count that was under way when a message went there knows nothing of it. */
static void a_count_never_forgets(void **state)
{
    (void)state;
    char names[8][8];
    for (int i = 0; i < 8; i++) {
        snprintf(names[i], sizeof names[i], "m%d", i);
        take(names[i], "y");
        rot(names[i], SPOOL_TAIL_SIZE + 30);
    }
    size_t before = 0;
    for (int i = 0; i < 8; i++) {
        store_message_open(store, store_find(store, names[i]), on_opened, NULL);
        for (int k = 0; k < 1000; k++) {
            store_recount_corrupt(store);
            sim_run_for(sim, 10);
            assert_true(store_corrupt(store) >= before);
            before = store_corrupt(store);
        }
        settle();
        assert_int_equal(store_corrupt(store), i + 1);
    }
    sim_disk_remove(sim, "s/corrupt", "m3");
    store_recount_corrupt(store);
    settle();
    assert_int_equal(store_corrupt(store), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(damage_goes_to_corrupt), TEST(another_version),
                                       TEST(strangers_are_left_alone), TEST(a_count_never_forgets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
