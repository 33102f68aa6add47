/* What went by HTTPS: nobody got it whom the envelope does not name, the null sender's mail did not
 * go, and the service was not asked before it wanted to be. */
#include <string.h>

#include "sim_history.h"

/* A new process knows of no wait. */
static bool begins_anew_between(const struct sim_play *play, usec from, usec to)
{
    const struct sim_plan *plan = play->plan;
    for (size_t i = 0; i < plan->nchanges; i++) {
        const struct sim_change *c = &plan->changes[i];
        usec at = c->at + USEC_PER_SEC;
        /* An orderly end takes its time. */
        if (to >= at && ((c->what == SIM_TURN_KILL && from <= at) || c->what == SIM_TURN_RESTART))
            return true;
    }
    for (size_t i = 0; i < play->nstops; i++)
        if (from <= play->stops[i].at && to >= play->stops[i].at)
            return true;
    return false;
}

static void check_waits(const struct sim_play *play, struct sim_verdict *v)
{
    const struct sim_api *a = &play->api;
    for (size_t i = 0; i < a->nrequests; i++)
        for (size_t k = i + 1; k < a->nrequests; k++) {
            const struct sim_api_request *r = &a->requests[i], *next = &a->requests[k];
            /* What was under way when it answered knew nothing of it. */
            if (next->at <= r->answered + 20 * USEC_PER_MS || next->at >= r->not_before ||
                begins_anew_between(play, r->at, next->at))
                continue;
            sim_accuse(v, "the service was asked %lld ms before it wanted to be",
                       (long long)((r->not_before - next->at) / USEC_PER_MS));
            return;
        }
}

void sim_judge_api(const struct sim_play *play, struct sim_verdict *v)
{
    if (play->plan->api.service == API_NONE)
        return;
    if (play->api.complaint[0])
        sim_accuse(v, "the service over HTTPS complains: %s", play->api.complaint);
    check_waits(play, v);
}
