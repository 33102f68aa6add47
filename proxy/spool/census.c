/* What is told of the spool as a whole: how much of each account waits, was given up, and why. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/loop.h"
#include "spool/spool_private.h"

static void count_one(const struct spool *spool, const struct spool_entry *entry,
                      const struct spool_view *view, struct spool_counts *c)
{
    c->bytes += entry->size + entry->log_size;
    switch (view->state) {
    case SPOOL_FAILED:
        c->failed++;
        if (view->reason[0])
            c->failed_reason = view->reason;
        return;
    case SPOOL_SENDING: c->sending++; break;
    case SPOOL_HELD: c->held++; break;
    case SPOOL_WAITING: c->waiting++; break;
    }
    usec age = store_now(spool->store) - entry->since;
    c->oldest = age > c->oldest ? age : c->oldest;
    if (view->next && (!c->next || view->next < c->next))
        c->next = view->next;
    if (!c->reason[0])
        c->reason = view->reason;
}

static void count_tries(const struct lane *lane, struct spool_counts *c)
{
    for (int i = 0; i < SPOOL_TRY_COUNT; i++)
        c->tries[i] += lane->tries[i];
}

static struct spool_counts nothing(const struct spool *spool)
{
    return (struct spool_counts){.reason = "", .failed_reason = "", .bounces = spool->bounces};
}

void spool_count(const struct spool *spool, const char *account, struct spool_counts *counts_r)
{
    *counts_r = nothing(spool);
    for (int place = 0; place < 2; place++)
        LIST_EACH (&store_index(spool->store)->lists[place], it) {
            const struct spool_entry *entry = CONTAINER(it, struct spool_entry, link);
            struct spool_view view;
            if (account && strcmp(schedule_account_of(entry), account) != 0)
                continue;
            spool_view_of(spool, entry, &view);
            count_one(spool, entry, &view, counts_r);
        }
    for (const struct lane *lane = spool->lanes; lane; lane = lane->next)
        if (!account || strcmp(lane->name, account) == 0)
            count_tries(lane, counts_r);
}

/* ---- all accounts in one walk ---- */

/* Gives where it is, or where it belongs. */
static size_t place_of(const struct spool_census *c, const char *account)
{
    size_t low = 0, high = c->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(c->shares[middle].account, account) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct spool_census *c, size_t i, const char *account)
{
    return i < c->n && strcmp(c->shares[i].account, account) == 0;
}

const struct spool_counts *spool_census_find(const struct spool_census *c, const char *account)
{
    size_t i = place_of(c, account);
    return is_at(c, i, account) ? &c->shares[i].counts : NULL;
}

/* The shares are sorted by their names: accounts are few, and messages may be many. */
static struct spool_counts *share_of(const struct spool *spool, struct spool_census *c,
                                     const char *account)
{
    size_t i = place_of(c, account);
    if (!is_at(c, i, account)) {
        c->shares = mem_resize(c->shares, (c->n + 1) * sizeof *c->shares);
        memmove(&c->shares[i + 1], &c->shares[i], (c->n - i) * sizeof *c->shares);
        c->shares[i] = (struct spool_share){.account = account, .counts = nothing(spool)};
        c->n++;
    }
    return &c->shares[i].counts;
}

void spool_census_take(const struct spool *spool, struct spool_census *c_r)
{
    *c_r = (struct spool_census){.all = nothing(spool)};
    for (int place = 0; place < 2; place++)
        LIST_EACH (&store_index(spool->store)->lists[place], it) {
            const struct spool_entry *entry = CONTAINER(it, struct spool_entry, link);
            struct spool_view view;
            spool_view_of(spool, entry, &view);
            count_one(spool, entry, &view, share_of(spool, c_r, schedule_account_of(entry)));
            count_one(spool, entry, &view, &c_r->all);
        }
    for (const struct lane *lane = spool->lanes; lane; lane = lane->next) {
        count_tries(lane, share_of(spool, c_r, lane->name));
        count_tries(lane, &c_r->all);
    }
}

void spool_census_free(struct spool_census *c)
{
    free(c->shares);
    *c = (struct spool_census){.n = 0};
}
