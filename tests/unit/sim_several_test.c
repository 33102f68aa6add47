/* Histories of several instances that share an engine (detour-sim --kind several): many that hold,
 * and an engine that grants everything, which the oracle must find in each of its rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim_history.h"

static void histories_hold(void **state)
{
    unsigned acked = 0, acts = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 120; seed++) {
        struct sim_plan plan;
        struct sim_verdict verdict;
        sim_generate(&plan, seed, SIM_KIND_SEVERAL);
        sim_play_whole(&plan, false, &verdict);
        if (verdict.n)
            fail_msg("seed %llu: %s", (unsigned long long)seed, verdict.findings[0]);
        acked += verdict.acked;
        acts += (unsigned)plan.several.nacts;
        sim_verdict_free(&verdict);
        sim_plan_free(&plan);
    }
    /* They did something. */
    assert_true(acked > 1500 && acts > 200);
}

static void the_same_seed_is_the_same_history(void **state)
{
    (void)state;
    for (uint64_t seed = 40; seed < 50; seed++) {
        struct sim_plan plan;
        struct sim_verdict first, second;
        sim_generate(&plan, seed, SIM_KIND_SEVERAL);
        uint64_t hash = sim_play_whole(&plan, false, &first);
        assert_true(sim_play_whole(&plan, false, &second) == hash);
        sim_verdict_free(&first);
        sim_verdict_free(&second);
        sim_plan_free(&plan);
    }
}

/* Every history is drawn again, with that lie, until one is found out with these words. */
static void is_found(const char *words)
{
    bool found = false;
    for (uint64_t seed = 1; seed <= 500 && !found; seed++) {
        struct sim_plan plan;
        struct sim_verdict verdict;
        sim_generate(&plan, seed, SIM_KIND_SEVERAL);
        plan.several.engine_lies = true;
        sim_play_whole(&plan, false, &verdict);
        for (size_t i = 0; i < verdict.n && i < SIM_FINDINGS; i++)
            found = found || strstr(verdict.findings[i], words);
        sim_verdict_free(&verdict);
        sim_plan_free(&plan);
    }
    assert_true(found);
}

static void lies_are_found(void **state)
{
    (void)state;
    is_found("was one session too many for the provider");
    is_found("s: one too many");
    is_found("a refused secret was tried again after");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histories_hold),
        cmocka_unit_test(the_same_seed_is_the_same_history),
        cmocka_unit_test(lies_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
