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

/* A generated plan without a fault, in which the provider allows one session, and the login is
 * good. */
static void plan_with_one_session(struct sim_plan *plan)
{
    for (uint64_t seed = 1;; seed++) {
        sim_generate(plan, seed, SIM_KIND_SEVERAL);
        const struct sim_several *s = &plan->several;
        if (plan->must_arrive && s->nacts == 0 && s->rate == 0 && plan->places[0].script.cap == 1)
            return;
        sim_plan_free(plan);
    }
}

static void comes(struct sim_plan *plan, size_t instance, usec delay, size_t messages, usec pause)
{
    struct sim_client_script *c = &plan->clients[plan->nclients];
    c->at = plan->several.listeners[instance];
    c->n = messages;
    for (size_t m = 1; m < messages; m++) {
        c->messages[m] = c->messages[0];
        c->messages[m].to[0] = sim_plan_text(plan, "more%zu.%zu@example.org", instance, m);
    }
    c->pause = pause;
    plan->delays[plan->nclients++] = delay;
}

/* The session of the first instance has ended, and its slot is not given back yet, when a client
 * says hello there and sends nothing for a while: what is dialled for him has that slot, and
 * another instance that waits for one goes on waiting. */
static void a_hello_keeps_the_slot_that_it_dials_with(void **state)
{
    (void)state;
    for (usec at = 5100 * USEC_PER_MS; at < 5900 * USEC_PER_MS; at += 25 * USEC_PER_MS) {
        struct sim_plan plan;
        struct sim_verdict verdict;
        plan_with_one_session(&plan);
        for (size_t i = 0; i < plan.several.instances; i++) {
            const char *ini = plan.several.ini[i], *last = strstr(ini, "max_messages = ");
            plan.several.ini[i] =
                sim_plan_text(&plan, "%.*smax_messages = 1\n", (int)(last - ini), ini);
        }
        plan.ini = plan.several.ini[0];
        plan.nclients = 0;
        comes(&plan, 0, 5000 * USEC_PER_MS, 2, 0);
        comes(&plan, 1, 5050 * USEC_PER_MS, 1, 0);
        comes(&plan, 0, at, 1, 2 * USEC_PER_SEC);
        sim_play_whole(&plan, false, &verdict);
        if (verdict.n)
            fail_msg("hello at %lld ms: %s", (long long)(at / USEC_PER_MS), verdict.findings[0]);
        assert_int_equal(verdict.acked, 4);
        sim_verdict_free(&verdict);
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
        cmocka_unit_test(a_hello_keeps_the_slot_that_it_dials_with),
        cmocka_unit_test(lies_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
