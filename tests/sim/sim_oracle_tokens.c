/* Logins by token: a grant is never presented twice, a refused token is fetched anew once, no AUTH
 * goes without a token, and nothing is asked for before the service wants to be asked again. */
#include <string.h>

#include "sim_history.h"

/* What was sent in the same moment may still arrive. */
#define UNDER_WAY USEC_PER_SEC
/* retry_auth: its first wait */
#define RETRY (300 * USEC_PER_SEC)

/* When the plan's turn comes: the clock of the world starts at one second. A restart may come
 * later. */
static bool turn_between(const struct sim_plan *plan, usec from, usec to, bool only_a_kill)
{
    for (size_t i = 0; i < plan->nchanges; i++) {
        const struct sim_change *c = &plan->changes[i];
        usec at = c->at + USEC_PER_SEC;
        bool counts = c->what == SIM_TURN_KILL ||
                      (!only_a_kill && (c->what == SIM_TURN_RELOAD || c->what == SIM_TURN_RESTART));
        if (counts && to >= at && (from <= at || c->what == SIM_TURN_RESTART))
            return true;
    }
    return false;
}

/* Who was killed between the answer and the disk knows the old token only. */
static void check_grants(const struct sim_play *play, struct sim_verdict *v)
{
    const struct sim_service *s = &play->service;
    for (size_t i = 0; i < s->nrequests; i++)
        for (size_t k = i + 1; k < s->nrequests; k++)
            if (s->requests[i].did == SIM_SERVICE_GAVE && s->requests[i].shown >= 0 &&
                s->requests[k].shown == s->requests[i].shown &&
                !turn_between(play->plan, s->requests[i].at, s->requests[k].at, true))
                sim_accuse(v, "the refresh token r%d was presented twice", s->requests[i].shown);
}

static void check_waits(const struct sim_play *play, struct sim_verdict *v)
{
    const struct sim_service *s = &play->service;
    for (size_t i = 0; i + 1 < s->nrequests; i++) {
        const struct sim_service_request *r = &s->requests[i], *next = r + 1;
        if (next->at < r->not_before && !turn_between(play->plan, r->at, next->at, false))
            sim_accuse(v, "the token service was asked %lld ms before it wanted to be",
                       (long long)((r->not_before - next->at) / USEC_PER_MS));
    }
}

/* Two sessions may be refused at once with one token: that is one token. */
static bool is_counted(const struct sim_ledger *ledger, size_t login, size_t since)
{
    const struct sim_login *l = &ledger->logins[login];
    for (size_t k = since; k < login; k++) {
        const struct sim_login *before = &ledger->logins[k];
        if (before->account == l->account && before->code == 535 &&
            strcmp(before->user, l->user) == 0 && strcmp(before->password, l->password) == 0)
            return true;
    }
    return false;
}

static void check_login(const struct sim_play *play, size_t i, struct sim_verdict *v)
{
    const struct sim_login *l = &play->ledger->logins[i];
    int number = sim_service_number(&play->service, l->password);
    unsigned refused = 0;
    size_t since = i;
    if (number < 0 || play->service.given[number] > l->when)
        sim_accuse(v, "a login at port %u had no token of the service's", l->port);
    for (size_t k = 0; k < i; k++) {
        const struct sim_login *before = &play->ledger->logins[k];
        if (before->account != l->account || before->code != 535 ||
            strcmp(before->user, l->user) != 0)
            continue;
        if (l->when - before->when > UNDER_WAY && strcmp(before->password, l->password) == 0)
            sim_accuse(v, "a token that was refused went to port %u", l->port);
        if (l->when - before->when >= RETRY ||
            turn_between(play->plan, before->when, l->when, false))
            continue;
        since = since == i ? k : since;
        refused += !is_counted(play->ledger, k, since);
    }
    if (refused > 1)
        sim_accuse(v, "a third token was tried after two that were refused");
}

void sim_judge_tokens(const struct sim_play *play, struct sim_verdict *v)
{
    if (!play->plan->service.used)
        return;
    if (play->service.complaint[0])
        sim_accuse(v, "the token service complains: %s", play->service.complaint);
    check_grants(play, v);
    check_waits(play, v);
    for (size_t i = 0; i < play->ledger->nlogins; i++)
        if (play->ledger->logins[i].account == 0)
            check_login(play, i, v);
}
