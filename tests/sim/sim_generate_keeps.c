/* Histories with a spool: when it keeps, how its disk fails, when the machine stops, and what else
 * befalls it. Streams of chance of their own, and nothing that ends the product in another way. */
#include "sim_history.h"

#define DAY_MS INT64_C(86400000)

static int64_t some_jump(struct sim_rng *rng)
{
    static const int64_t jumps[] = {2 * DAY_MS / 24, -2 * DAY_MS / 24, 30 * DAY_MS,
                                    -30 * DAY_MS,    20454 * DAY_MS,   -20454 * DAY_MS};
    return jumps[sim_rng_below(rng, sizeof jumps / sizeof *jumps)];
}

static void some_turns(struct sim_keeps *k, struct sim_rng *rng)
{
    static const uint64_t spans[] = {5000000, 60000000, 900000000};
    usec at = 0;
    k->nturns = sim_rng_chance(rng, 50) ? 1 + sim_rng_index(rng, SIM_KEEPS_TURNS) : 0;
    for (size_t i = 0; i < k->nturns; i++) {
        struct sim_keeps_change *c = &k->turns[i];
        at += (usec)sim_rng_below(rng, spans[sim_rng_below(rng, 3)]);
        c->what = (enum sim_keeps_turn)sim_rng_below(rng, SIM_KEEPS_TURN_COUNT);
        c->at = at;
        c->by = c->what == SIM_KEEPS_JUMP ? some_jump(rng) : (int64_t)(sim_rng_next(rng) >> 20);
    }
    /* a machine that is off for ten days gives everything up */
    for (size_t i = 0; i < k->nstops; i++) {
        k->off[i] = 2 * USEC_PER_SEC;
        if (sim_rng_chance(rng, 10))
            k->off[i] = (sim_rng_chance(rng, 70) ? 3600 : 10 * 86400) * USEC_PER_SEC;
        k->wakes_in_1970[i] = sim_rng_chance(rng, 10);
    }
}

static void some_reports(struct sim_plan *plan, struct sim_rng *rng)
{
    struct sim_keeps *k = &plan->keeps;
    k->report_to = sim_rng_chance(rng, 70)   ? SIM_REPORT_TO_SENDER
                   : sim_rng_chance(rng, 50) ? SIM_REPORT_TO_NOBODY
                                             : SIM_REPORT_TO_ADDRESS;
    k->refuses_null = sim_rng_chance(rng, 25);
    for (size_t i = 0; i < plan->nplaces && k->refuses_null; i++)
        plan->places[i].script.mail[SIM_RULES - 1] =
            (struct sim_address_rule){"<>", "550 5.7.1 a sender is needed"};
}

void sim_generate_keeps(struct sim_plan *plan, uint64_t seed)
{
    static const enum keep_when whens[] = {KEEP_WHEN_OUTAGE, KEEP_WHEN_TEMPORARY, KEEP_WHEN_ALWAYS};
    struct sim_rng rng = {seed * UINT64_C(0xff51afd7ed558ccd) + 7};
    struct sim_keeps *k = &plan->keeps;
    k->when = whens[sim_rng_below(&rng, 3)];
    if (sim_rng_chance(&rng, 30))
        k->faults = (struct sim_disk_faults){
            .writes = 8, .syncs = 5, .renames = 5, .directory_syncs = 5, .reads = 3};
    k->faults.full = sim_rng_chance(&rng, 3);
    k->nstops = sim_rng_index(&rng, SIM_STOPS + 1);
    for (size_t i = 0; i < k->nstops; i++) {
        k->stops[i] = 1 + sim_rng_below(&rng, sim_rng_chance(&rng, 60) ? 60 : 400);
        k->cuts_power[i] = sim_rng_chance(&rng, 50);
    }
    k->stays_later = sim_rng_chance(&rng, 5);
    struct sim_rng more = {seed * UINT64_C(0xc4ceb9fe1a85ec53) + 11};
    some_turns(k, &more);
    some_reports(plan, &more);
    plan->nchanges = 0;
    plan->drain_at = 0;
    plan->calm = plan->must_arrive = plan->must_finish = false;
}
