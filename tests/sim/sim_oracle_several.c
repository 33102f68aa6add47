/* What must hold of several instances together, whatever their engine does: the provider never
 * counts more sessions of a login than it was told, no period sees more messages than the limit,
 * and a refused secret is tried once per step. (Sessions: the scripted server refuses with 432 what
 * exceeds the bound of the plan.) */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim_history.h"

/* Between the grant of a message and its verdict. */
#define ON_THE_WAY (2 * USEC_PER_SEC)

static void judge_sessions(const struct sim_play *play, struct sim_verdict *v)
{
    for (size_t i = 0; i < play->ledger->nlogins; i++)
        if (play->ledger->logins[i].code == 432)
            sim_accuse(v, "login %zu at %.3f s was one session too many for the provider", i,
                       (double)play->ledger->logins[i].when / USEC_PER_SEC);
}

static int by_time(const void *a, const void *b)
{
    const usec x = *(const usec *)a, y = *(const usec *)b;
    return (x > y) - (x < y);
}

static void judge_rate(const struct sim_play *play, struct sim_verdict *v)
{
    const struct sim_several *s = &play->plan->several;
    size_t n = play->ledger->nmails;
    if (!s->rate || n <= s->rate)
        return;
    usec *times = mem_alloc(n * sizeof *times);
    for (size_t i = 0; i < n; i++)
        times[i] = play->ledger->mails[i].when;
    qsort(times, n, sizeof *times, by_time);
    for (size_t i = s->rate; i < n; i++)
        if (times[i] - times[i - s->rate] < s->period - ON_THE_WAY) {
            sim_accuse(v, "%u messages went within %.3f s up to %.3f s: one too many", s->rate + 1,
                       (double)(times[i] - times[i - s->rate]) / USEC_PER_SEC,
                       (double)times[i] / USEC_PER_SEC);
            break;
        }
    free(times);
}

static void judge_refusals(const struct sim_play *play, struct sim_verdict *v)
{
    usec last = 0;
    for (size_t i = 0; i < play->ledger->nlogins && play->plan->several.retry; i++) {
        const struct sim_login *l = &play->ledger->logins[i];
        if (l->code != 535)
            continue;
        if (last && l->when - last < play->plan->several.retry - ON_THE_WAY)
            sim_accuse(v, "a refused secret was tried again after %.3f s, at %.3f s",
                       (double)(l->when - last) / USEC_PER_SEC, (double)l->when / USEC_PER_SEC);
        last = l->when;
    }
}

void sim_judge_several(const struct sim_play *play, struct sim_verdict *v)
{
    if (!play->plan->several.instances)
        return;
    judge_sessions(play, v);
    judge_rate(play, v);
    judge_refusals(play, v);
}
