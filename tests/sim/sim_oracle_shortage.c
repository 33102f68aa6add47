/* What must hold when sessions are short (PROMISES 6): nobody who does not pause waits for those
 * who do, and a provider that lets in only so many is no outage. */
#include <string.h>

#include "sim_history.h"

static void judge_waits(const struct sim_play *play, struct sim_verdict *v)
{
    const struct sim_plan *plan = play->plan;
    for (size_t i = 0; i < plan->nclients && plan->fair_wait; i++) {
        const struct sim_client_script *c = &plan->clients[i];
        /* The clock starts at one second. */
        usec began = USEC_PER_SEC + plan->delays[i];
        const struct sim_outcome *o = sim_client_outcome(play->clients[i], 0);
        if (c->think == 0 && (o->final == 0 || o->acked - began > plan->fair_wait))
            sim_accuse(v, "client %zu waited for those who paused: %s", i,
                       o->final ? "its verdict came late" : o->text);
    }
}

static void judge_log(const struct sim_play *play, struct sim_verdict *v)
{
    for (size_t i = 0; i < sim_log_count(play->sim) && play->plan->no_outage; i++)
        if (strstr(sim_log_line(play->sim, i), "level=error"))
            sim_accuse(v, "an outage is reported, and sessions were only short: %s",
                       sim_log_line(play->sim, i));
}

void sim_judge_shortage(const struct sim_play *play, struct sim_verdict *v)
{
    judge_waits(play, v);
    judge_log(play, v);
}
