/* Histories whose first account may also send over HTTPS. It draws from a chance of its own, so
 * that the rest of a seed's history stays what it was. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim_history.h"

/* A line before all others of the message. */
static void put_before(struct sim_plan *plan, struct sim_message *m, const char *line)
{
    size_t n = strlen(line);
    char *text = mem_alloc(n + m->len + 1);
    memcpy(text, line, n);
    if (m->len)
        memcpy(text + n, m->body, m->len);
    m->body = sim_plan_octets(plan, text, n + m->len);
    m->len += n;
    free(text);
}

/* Half of the messages say to whom they go, to some of them or to all; a few name somebody else. */
static void name_recipients(struct sim_plan *plan, struct sim_message *m, struct sim_rng *rng,
                            const char *end)
{
    static const char *const names[] = {"To", "Cc", "to", "TO"};
    for (size_t i = 0; i < m->nto; i++) {
        const char *name = names[sim_rng_below(rng, 4)];
        /* A second field of the name is none that can be read with certainty. */
        if (i < 2 && sim_rng_chance(rng, 40))
            put_before(plan, m,
                       sim_rng_chance(rng, 50)
                           ? sim_plan_text(plan, "%s: %s%s", i ? "Cc" : name, m->to[i], end)
                           : sim_plan_text(plan, "%s: \"Some, body\"%s <%s>%s", i ? "Cc" : "To",
                                           end, m->to[i], end));
    }
    if (sim_rng_chance(rng, 10))
        put_before(plan, m,
                   sim_plan_text(plan, "Bcc: stranger@%s.example%s",
                                 sim_rng_chance(rng, 50) ? "ok" : "else", end));
}

void sim_generate_api(struct sim_plan *plan, uint64_t seed)
{
    static const char *const names[] = {"", "Graph", "Gmail", "Mailgun"};
    struct sim_rng rng = {seed * UINT64_C(0xa0761d6478bd642f) + 7};
    if (!sim_rng_chance(&rng, 20))
        return;
    enum api_choice service = (enum api_choice)(1 + sim_rng_below(&rng, 3));
    /* An account that logs in by token would show one here, too: a key is told apart. */
    if (plan->service.used)
        service = API_MAILGUN;
    plan->api = (struct sim_api_script){
        .service = service,
        .identity = plan->by_sender ? NULL : plan->user,
        .secret = plan->password,
        .faults = sim_rng_chance(&rng, 60) ? (unsigned)sim_rng_below(&rng, 70) : 0};
    for (size_t i = 0; i < plan->nclients; i++)
        for (size_t k = 0; k < plan->clients[i].n; k++)
            name_recipients(plan, &plan->clients[i].messages[k], &rng,
                            plan->clients[i].lf ? "\n" : "\r\n");
    /* It does not take all that SMTP does. */
    plan->must_arrive = plan->must_finish = plan->no_outage = plan->calm = false;
    plan->fair_wait = 0;
    plan->notes =
        sim_plan_text(plan, "%s; also over HTTPS, as %s, %u of 100 requests fail",
                      plan->notes ? plan->notes : "", names[plan->api.service], plan->api.faults);
}
