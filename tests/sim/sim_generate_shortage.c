/* Sessions that are short: clients that think in their envelopes, servers that let in only so many.
 * It draws from a chance of its own, so that the rest of a seed's history stays what it was. */
#include "sim_history.h"

static bool chance(struct sim_rng *rng, unsigned percent)
{
    return sim_rng_chance(rng, percent);
}

/* Where all must arrive nobody thinks for long: acquire_timeout holds for those who wait. */
static void some_thoughts(struct sim_plan *plan, struct sim_rng *rng)
{
    uint64_t longest = plan->must_arrive ? 300 : 30000;
    for (size_t i = 0; i < plan->nclients; i++) {
        struct sim_client_script *c = &plan->clients[i];
        if (!c->pipelining && !c->junk && chance(rng, 60))
            c->think = (usec)(sim_rng_below(rng, longest) * USEC_PER_MS);
    }
}

/* A server still counts what has just left it, and those who came to its door and went elsewhere:
 * if none of ours is there at that moment it is an outage like any other. */
static void some_cap(struct sim_plan *plan, struct sim_rng *rng)
{
    static const enum sim_step steps[] = {SIM_AT_AUTH, SIM_AT_MAIL, SIM_AT_GREETING, SIM_AT_EHLO,
                                          SIM_AT_EHLO_AGAIN};
    static const char *const replies[] = {"421 4.7.0 too many connections",
                                          "432 4.3.2 concurrent connections limit exceeded",
                                          "454 4.7.0 too many connections"};
    enum sim_step at = steps[sim_rng_below(rng, 5)];
    const char *says = replies[at == SIM_AT_GREETING ? 0 : sim_rng_below(rng, 3)];
    unsigned cap = 1 + (unsigned)sim_rng_below(rng, 3);
    plan->must_arrive = false;
    for (size_t i = 0; i < plan->nplaces; i++) {
        struct sim_upstream_script *s = &plan->places[i].script;
        s->cap = cap;
        s->cap_at = at;
        s->cap_reply = says;
    }
    plan->notes = sim_plan_text(plan, "%s; no more than %u sessions (%s at %s)",
                                plan->notes ? plan->notes : "", cap, says, sim_step_name(at));
}

void sim_generate_shortage(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rng rng = {seed * UINT64_C(0x9e3779b97f4a7c15) + 3};
    if (chance(&rng, 25))
        some_thoughts(plan, &rng);
    if (chance(&rng, 20))
        some_cap(plan, &rng);
}
