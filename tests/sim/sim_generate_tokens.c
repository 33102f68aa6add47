/* Histories whose first account logs in by token. It draws from a chance of its own, so that the
 * rest of a seed's history stays what it was. */
#include <string.h>

#include "sim_history.h"

/* The password's line becomes the token's, wherever the account stands; what was the password is
 * the client's secret then, and as well kept. */
static const char *with_tokens(struct sim_plan *plan, const char *ini)
{
    static const char key[] = "\npassword = ";
    const char *section = strstr(ini, "[upstream]\n");
    const char *line = section ? strstr(section, key) : NULL;
    if (!line)
        return ini;
    const char *value = line + sizeof key - 1, *end = strchr(value, '\n');
    return sim_plan_text(
        plan,
        "%.*s\noauth_client_id = app\noauth_scope = s\noauth_token_url = https://login.test/token\n"
        "%s%.*s%s",
        (int)(line - ini), ini,
        plan->service.rotates ? "oauth_rotates = yes" : "oauth_client_secret = ",
        plan->service.rotates ? 0 : (int)(end - value), value, end);
}

void sim_generate_tokens(struct sim_plan *plan, uint64_t seed)
{
    struct sim_rng rng = {seed * UINT64_C(0xd6e8feb86659fd93) + 11};
    static const char *const offers[] = {"PLAIN XOAUTH2", "XOAUTH2 LOGIN OAUTHBEARER",
                                         "OAUTHBEARER"};
    if (!sim_rng_chance(&rng, 15))
        return;
    plan->service.used = true;
    plan->service.rotates = sim_rng_chance(&rng, 50);
    plan->service.faults = sim_rng_chance(&rng, 50) ? (unsigned)sim_rng_below(&rng, 60) : 0;
    if (sim_rng_chance(&rng, 20))
        plan->service.revokes_at = 1 + (usec)sim_rng_below(&rng, 20000) * USEC_PER_MS;
    const char *offer = offers[sim_rng_below(&rng, 3)];
    plan->ini = with_tokens(plan, plan->ini);
    for (size_t i = 0; i < plan->nchanges; i++)
        plan->changes[i].ini = with_tokens(plan, plan->changes[i].ini);
    for (size_t i = 0; i < plan->nplaces; i++)
        if (plan->places[i].script.account == 0 &&
            !strstr(plan->places[i].script.mechanisms, "GSSAPI"))
            plan->places[i].script.mechanisms = offer;
    if (plan->service.faults || plan->service.revokes_at) {
        plan->must_arrive = plan->must_finish = plan->no_outage = false;
        plan->fair_wait = 0;
    }
    plan->notes = sim_plan_text(
        plan, "%s; logs in by token%s, %u of 100 requests fail%s", plan->notes ? plan->notes : "",
        plan->service.rotates ? ", which is replaced" : "", plan->service.faults,
        plan->service.revokes_at ? ", all revoked once" : "");
}
