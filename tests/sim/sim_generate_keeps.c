/* Histories with a spool: when it keeps, how its disk fails, and when the machine stops. A stream
 * of chance of its own, and nothing that ends the product in another way. */
#include "sim_history.h"

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
    plan->nchanges = 0;
    plan->drain_at = 0;
    plan->calm = plan->must_arrive = plan->must_finish = false;
}
