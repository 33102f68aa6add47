/* Histories of the spool with its sending half (tests/sim/sim_outage.h): many that hold, and lies
 * of the disk that must be found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim_outage.h"

static void histories_hold(void **state)
{
    struct sim_outage_totals t = {0};
    char words[256];
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++)
        if (!sim_outage_play(seed, NULL, false, &t, words))
            fail_msg("seed %llu: %s", (unsigned long long)seed, words);
    /* they did something */
    assert_true(t.stops > 2000 && t.taken > 5000 && t.bounces > 2000 && t.unknown > 1000);
    assert_true(t.copies > 500 && t.damaged > 100 && t.removed > 50);
}

/* Outcomes that a full disk could not take, and octets that a server complains of. */
static void what_was_found_once(void **state)
{
    static const uint64_t seeds[] = {1871, 6076, 6935, 15818};
    struct sim_outage_totals t = {0};
    char words[256];
    (void)state;
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++)
        if (!sim_outage_play(seeds[i], NULL, false, &t, words))
            fail_msg("seed %llu: %s", (unsigned long long)seeds[i], words);
}

static void assert_found(const struct sim_disk_faults *lies, const char *what)
{
    struct sim_outage_totals t = {0};
    char words[256];
    for (uint64_t seed = 1; seed <= 1000; seed++)
        if (!sim_outage_play(seed, lies, false, &t, words))
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
