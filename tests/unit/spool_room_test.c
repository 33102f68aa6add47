/* The store's room: what it takes, and when it says that it is full. */
#include "spool_store_world.h"

static void room_is_counted(void **state)
{
    enum store_no no;
    struct store_writer *w, *second;
    (void)state;
    assert_null(begin("big", 100001, &no));
    assert_int_equal(no, STORE_NO_SIZE);
    w = begin("half", 60000, &no);
    assert_non_null(w);
    /* what is being received counts */
    assert_null(begin("other", 60000, &no));
    assert_int_equal(no, STORE_NO_SIZE);
    /* a body larger than was said */
    second = begin("liar", 0, &no);
    assert_non_null(second);
    char *octets = mem_alloc(50000);
    store_write(second, slice_make(octets, 50000));
    free(octets);
    store_end(second);
    settle();
    assert_true(got.failed == 1 && got.why == STORE_NO_SIZE && got.kind == ERR_FULL);
    store_abort(&w);
    settle();
    assert_int_equal(sim_disk_count(sim, "s/queue"), 0);
    assert_int_equal(store_would_take(store, 90000, false), STORE_TAKES);
    /* our bounces may go five percent over */
    assert_int_equal(store_would_take(store, 104000, false), STORE_NO_SIZE);
    assert_int_equal(store_would_take(store, 104000, true), STORE_TAKES);
    for (int i = 0; i < 20; i++) {
        char id[16];
        snprintf(id, sizeof id, "n%d", i);
        take(id, "x");
    }
    assert_null(begin("more", 0, &no));
    assert_int_equal(no, STORE_NO_MESSAGES);
    assert_int_equal(store_would_take(store, 0, true), STORE_TAKES);
}

static void min_free(void **state)
{
    (void)state;
    sim_disk_set_room(sim, (struct disk_room){4000, 100000, 100, 100});
    sim_run_for(sim, 11 * USEC_PER_SEC);
    assert_int_equal(store_would_take(store, 1, false), STORE_NO_DISK);
    assert_true(sim_log_has(sim, "min_free = 5%"));
    sim_disk_set_room(sim, (struct disk_room){50000, 100000, 3, 100});
    sim_run_for(sim, 11 * USEC_PER_SEC);
    assert_int_equal(store_would_take(store, 1, false), STORE_NO_DISK);
    sim_disk_set_room(sim, (struct disk_room){50000, 100000, 50, 100});
    sim_run_for(sim, 11 * USEC_PER_SEC);
    assert_int_equal(store_would_take(store, 1, false), STORE_TAKES);
}

static void fill(size_t octets, unsigned n)
{
    char *body = mem_alloc(octets + 1);
    memset(body, 'x', octets);
    body[octets] = '\0';
    for (unsigned i = 0; i < n; i++) {
        char id[24];
        snprintf(id, sizeof id, "f%zux%u", octets, i);
        take(id, body);
    }
    free(body);
}

static void done(void *arg, const struct err *err)
{
    (void)arg;
    (void)err;
}

/* A client's message that had no place says that the spool is full, until it would have. */
static void full_by_size(void **state)
{
    (void)state;
    assert_int_equal(store_is_full(store), STORE_TAKES);
    fill(20000, 4);
    /* Nobody was refused yet: who knows what comes. */
    assert_int_equal(store_is_full(store), STORE_TAKES);
    store_note_refusal(store, STORE_NO_SIZE, 19900);
    assert_int_equal(store_would_take(store, 0, false), STORE_TAKES);
    assert_int_equal(store_is_full(store), STORE_NO_SIZE);
    store_remove(store, store_find(store, "f20000x0"), done, NULL);
    settle();
    assert_int_equal(store_is_full(store), STORE_TAKES);
}

/* One message that is larger than the rest is refused for what it is. */
static void a_large_one_says_nothing(void **state)
{
    (void)state;
    store_note_refusal(store, STORE_NO_SIZE, 200000);
    assert_int_equal(store_is_full(store), STORE_TAKES);
    fill(1000, 2);
    store_note_refusal(store, STORE_NO_SIZE, 99000);
    assert_int_equal(store_is_full(store), STORE_TAKES);
    /* nor does one that was refused for another reason */
    fill(20000, 4);
    store_note_refusal(store, STORE_NO_DISK, 5000);
    assert_int_equal(store_is_full(store), STORE_TAKES);
}

static void full_without_a_refusal(void **state)
{
    (void)state;
    fill(1000, 3);
    settings.max_size = 3000;
    store_set(store, &settings);
    assert_int_equal(store_is_full(store), STORE_NO_SIZE);
    settings.max_size = 100000;
    settings.max_messages = 3;
    store_set(store, &settings);
    assert_int_equal(store_is_full(store), STORE_NO_MESSAGES);
    settings.max_messages = 4;
    store_set(store, &settings);
    assert_int_equal(store_is_full(store), STORE_TAKES);
    /* The disk comes first: what it lacks no other message changes. */
    settings.max_messages = 3;
    store_set(store, &settings);
    sim_disk_set_room(sim, (struct disk_room){4000, 100000, 100, 100});
    sim_run_for(sim, 11 * USEC_PER_SEC);
    assert_int_equal(store_is_full(store), STORE_NO_DISK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(room_is_counted), TEST(min_free), TEST(full_by_size),
                                       TEST(a_large_one_says_nothing),
                                       TEST(full_without_a_refusal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
