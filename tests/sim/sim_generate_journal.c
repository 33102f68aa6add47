/* A recipient more, of the account's own: in some histories it is refused, or the session dies of
 * it. */
#include "sim_history.h"

void sim_generate_journal(struct sim_plan *plan, uint64_t seed)
{
    static const char *const replies[] = {
        "250 2.1.5 recipient ok", "550 5.1.1 no archive", "452 4.5.3 too many recipients",
        "530 5.7.0 log in first", "421 4.7.0 enough",     "gibberish"};
    struct sim_rng rng = {seed * UINT64_C(0xbf58476d1ce4e5b9) + 5};
    if (sim_rng_below(&rng, 100) >= 25)
        return;
    plan->journal = "keep@archive.example";
    plan->ini = sim_plan_text(plan, "%sjournal = %s\n", plan->ini, plan->journal);
    for (size_t i = 0; i < plan->nplaces; i++) {
        struct sim_address_rule *rules = plan->places[i].script.rcpt;
        size_t at = 0;
        while (at < SIM_RULES && rules[at].contains)
            at++;
        if (at < SIM_RULES)
            rules[at] = (struct sim_address_rule){plan->journal, replies[sim_rng_below(&rng, 6)]};
    }
    plan->notes = sim_plan_text(plan, "%s; with a journal", plan->notes ? plan->notes : "");
}
