/* The simulated disk: what a power cut keeps and what it may not, and the sharing of syncs, which
 * is the product's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim_disk.h"

struct stage {
    struct sim *sim;
    struct disk *disk;
    struct disk_directory *a, *b;
    struct disk_file *file;
    unsigned answers;
    enum err_kind kind;
};

static void note(void *arg, const struct disk_answer *answer)
{
    struct stage *s = arg;
    s->answers++;
    s->kind = answer->err ? answer->err->kind : ERR_NONE;
    if (answer->file)
        s->file = answer->file;
}

static void begin(struct stage *s, uint64_t seed)
{
    struct err err;
    memset(s, 0, sizeof *s);
    s->sim = sim_new(seed);
    s->disk = disk_new(sim_loop(s->sim));
    assert_int_equal(disk_directory_open(s->disk, "a", true, &s->a, &err), 0);
    assert_int_equal(disk_directory_open(s->disk, "b", true, &s->b, &err), 0);
}

static void end(struct stage *s)
{
    disk_directory_close(&s->a);
    disk_directory_close(&s->b);
    disk_free(&s->disk);
    sim_free(&s->sim);
}

static void append(struct stage *s, const char *text)
{
    struct buf b;
    buf_init(&b, 1000);
    assert_true(buf_append_slice(&b, slice_of(text)));
    disk_append(s->disk, s->file, &b, note, s);
}

static bool is_there(struct stage *s, const char *dir, const char *name)
{
    struct slice octets;
    return sim_disk_get(s->sim, dir, name, &octets);
}

static void octets_after_a_power_cut(void **state)
{
    unsigned lengths[16] = {0}, empty = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct stage s;
        struct slice left;
        begin(&s, seed);
        disk_create(s.disk, s.a, "f", note, &s);
        append(&s, "synced");
        disk_sync(s.disk, s.file, note, &s);
        disk_sync_directory(s.disk, s.a, note, &s);
        append(&s, "torn");
        disk_close(s.disk, &s.file);
        sim_disk_crash(s.sim, true);
        assert_true(sim_disk_get(s.sim, "a", "f", &left));
        assert_true(left.len >= 6 && left.len <= 10);
        assert_memory_equal(left.data, "synced", 6);
        lengths[left.len]++;
        empty += left.len == 10 && left.data[9] == '\0';
        end(&s);
    }
    for (size_t len = 6; len <= 10; len++)
        assert_true(lengths[len] > 0);
    assert_true(empty > 0);
}

static void a_failed_sync_is_never_made_good(void **state)
{
    struct stage s;
    struct slice left;
    (void)state;
    begin(&s, 5);
    disk_create(s.disk, s.a, "f", note, &s);
    disk_sync_directory(s.disk, s.a, note, &s);
    append(&s, "x");
    sim_disk_faults(s.sim)->syncs = 1000;
    disk_sync(s.disk, s.file, note, &s);
    assert_int_equal(s.kind, ERR_SYSTEM);
    sim_disk_faults(s.sim)->syncs = 0;
    disk_sync(s.disk, s.file, note, &s);
    assert_int_equal(s.kind, ERR_NONE);
    disk_close(s.disk, &s.file);
    for (int i = 0; i < 20; i++)
        sim_disk_crash(s.sim, true);
    assert_true(sim_disk_get(s.sim, "a", "f", &left));
    assert_true(left.len == 0 || left.data[0] == 'x' || left.data[0] == '\0');
    end(&s);
}

static void names_after_a_power_cut(void **state)
{
    unsigned old = 0, new = 0, both = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct stage s;
        begin(&s, seed);
        disk_create(s.disk, s.a, "f", note, &s);
        disk_sync_directory(s.disk, s.a, note, &s);
        disk_close(s.disk, &s.file);
        disk_rename(s.disk, s.a, "f", s.b, "g", note, &s);
        if (seed > 100)
            disk_sync_directory(s.disk, seed > 150 ? s.a : s.b, note, &s);
        sim_disk_crash(s.sim, true);
        bool is_old = is_there(&s, "a", "f"), is_new = is_there(&s, "b", "g");
        assert_true(is_old || is_new);
        assert_true(seed <= 100 || is_new);
        assert_false(seed > 150 && is_old);
        old += is_old && !is_new;
        new += is_new && !is_old;
        both += is_new && is_old;
        end(&s);
    }
    assert_true(old > 10 && new > 10 && both > 10);
}

static void the_end_of_a_process_keeps_all(void **state)
{
    struct stage s;
    struct slice left;
    (void)state;
    begin(&s, 7);
    disk_create(s.disk, s.a, "f", note, &s);
    append(&s, "text");
    disk_close(s.disk, &s.file);
    disk_lock(s.disk, s.a, "lock", note, &s);
    disk_close(s.disk, &s.file);
    sim_disk_crash(s.sim, false);
    assert_true(sim_disk_get(s.sim, "a", "f", &left));
    assert_int_equal(left.len, 4);
    end(&s);
}

static void one_sync_for_all_who_ask(void **state)
{
    struct stage s;
    struct err err;
    (void)state;
    begin(&s, 9);
    sim_disk_put(s.sim, "a", "f", slice_of("x"));
    assert_int_equal(disk_start(s.disk, &err), 0);
    /* a sync that was asked for before a rename serves what waited with it, too */
    for (int i = 0; i < 100; i++) {
        disk_sync_directory(s.disk, i % 2 ? s.a : s.b, note, &s);
        disk_rename(s.disk, s.a, "f", s.a, "f", note, &s);
    }
    assert_int_equal(s.answers, 0);
    assert_true(sim_run_until_idle(s.sim, 60 * USEC_PER_SEC));
    assert_int_equal(s.answers, 200);
    /* the very first had begun before the others came */
    assert_int_equal(sim_disk_directory_syncs(s.sim), 3);
    end(&s);
}

static void a_machine_that_stops(void **state)
{
    struct stage s;
    struct err err;
    (void)state;
    begin(&s, 11);
    assert_int_equal(disk_start(s.disk, &err), 0);
    sim_disk_halt_after(s.sim, 3);
    disk_create(s.disk, s.a, "one", note, &s);
    disk_create(s.disk, s.a, "two", note, &s);
    disk_create(s.disk, s.a, "three", note, &s);
    sim_run_for(s.sim, USEC_PER_SEC);
    /* the second was made, and nobody heard of it */
    assert_true(sim_disk_has_halted(s.sim));
    assert_int_equal(s.answers, 1);
    assert_true(is_there(&s, "a", "two") && !is_there(&s, "a", "three"));
    disk_close(s.disk, &s.file);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(octets_after_a_power_cut),
                                       cmocka_unit_test(a_failed_sync_is_never_made_good),
                                       cmocka_unit_test(names_after_a_power_cut),
                                       cmocka_unit_test(the_end_of_a_process_keeps_all),
                                       cmocka_unit_test(one_sync_for_all_who_ask),
                                       cmocka_unit_test(a_machine_that_stops)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
