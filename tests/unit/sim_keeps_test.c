/* Histories of the whole relay with a spool (detour-sim --kind keeps): many that hold, and lies of
 * the disk that the oracle must find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim_history.h"

static void add_up(struct sim_verdict *to, const struct sim_verdict *from)
{
    to->n += from->n;
    to->acked += from->acked;
    to->committed += from->committed;
}

static void histories_hold(void **state)
{
    struct sim_verdict all = {0};
    unsigned stops = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct sim_plan plan;
        struct sim_verdict verdict;
        sim_generate(&plan, seed, SIM_KIND_KEEPS);
        sim_play_whole(&plan, false, &verdict);
        if (verdict.n)
            fail_msg("seed %llu: %s", (unsigned long long)seed, verdict.findings[0]);
        add_up(&all, &verdict);
        stops += (unsigned)plan.keeps.nstops;
        sim_verdict_free(&verdict);
        sim_plan_free(&plan);
    }
    /* they did something */
    assert_true(all.acked > 400 && all.committed > 400 && stops > 300);
}

/* Every history is drawn again, with that lie. */
static bool is_found(bool no_sync, bool no_directory_sync)
{
    bool found = false;
    for (uint64_t seed = 1; seed <= 1000 && !found; seed++) {
        struct sim_plan plan;
        struct sim_verdict verdict;
        sim_generate(&plan, seed, SIM_KIND_KEEPS);
        plan.keeps.faults.no_sync = no_sync;
        plan.keeps.faults.no_directory_sync = no_directory_sync;
        sim_play_whole(&plan, false, &verdict);
        found = verdict.n > 0;
        if (found)
            print_message("seed %llu: %s\n", (unsigned long long)seed, verdict.findings[0]);
        sim_verdict_free(&verdict);
        sim_plan_free(&plan);
    }
    return found;
}

static void files_that_are_not_synced_are_found(void **state)
{
    (void)state;
    assert_true(is_found(true, false));
}

static void directories_that_are_not_synced_are_found(void **state)
{
    (void)state;
    assert_true(is_found(false, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(histories_hold),
                                       cmocka_unit_test(files_that_are_not_synced_are_found),
                                       cmocka_unit_test(directories_that_are_not_synced_are_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
