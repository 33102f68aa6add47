/* Histories of the spool over a disk that stops between any two half steps (tests/sim/sim_spool.h):
 * many that hold, and lies of the disk that must be found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim_spool.h"

static void histories_hold(void **state)
{
    struct sim_spool_totals t = {0};
    char words[256];
    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++)
        if (!sim_spool_play(seed, NULL, false, &t, words))
            fail_msg("seed %llu: %s", (unsigned long long)seed, words);
    /* they did something */
    assert_true(t.stops > 3000 && t.taken > 10000 && t.bounced > 3000 && t.copies > 1000);
}

/* Seeds that once found something: a START that believed a log which no sync had reached, an orphan
 * log that went before its message's removal was durable, a sync that spoke for one that failed. */
static void what_was_found_once(void **state)
{
    static const uint64_t seeds[] = {665,   808,   1395,  1681,  2767,  2886,
                                     3262,  4845,  7950,  11870, 12234, 15109,
                                     19390, 34922, 39648, 47579, 50599, 186833};
    struct sim_spool_totals t = {0};
    char words[256];
    (void)state;
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++)
        if (!sim_spool_play(seeds[i], NULL, false, &t, words))
            fail_msg("seed %llu: %s", (unsigned long long)seeds[i], words);
}

static void assert_found(const struct sim_disk_faults *lies, const char *what)
{
    struct sim_spool_totals t = {0};
    char words[256];
    for (uint64_t seed = 1; seed <= 300; seed++)
        if (!sim_spool_play(seed, lies, false, &t, words))
            return;
    fail_msg("nobody noticed: %s", what);
}

static void lies_are_found(void **state)
{
    const struct sim_disk_faults no_sync = {.no_sync = true};
    const struct sim_disk_faults no_directory_sync = {.no_directory_sync = true};
    (void)state;
    assert_found(&no_sync, "files are not synced");
    assert_found(&no_directory_sync, "directories are not synced");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(histories_hold),
                                       cmocka_unit_test(what_was_found_once),
                                       cmocka_unit_test(lies_are_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
