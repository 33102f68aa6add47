/* The order in which leases are served when sessions are short (PROMISES 6): no client takes an
 * account from the others by pausing, or because it has many connections. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "upstream/pool_private.h"

/* A client that pauses for this long while others wait gives its session back. */
#define REST_MAX (10 * USEC_PER_SEC)
/* A client with more than its share gives it back sooner. This is long enough for the time between
 * two commands. */
#define REST_BEYOND_SHARE (1 * USEC_PER_SEC)

static usec now_of(const struct pool *p)
{
    return loop_now(p->env->io->loop);
}

/* ---- who is one client ---- */

/* A host with an IPv6 address has 2^64 of them. */
static struct addr whose(const struct addr *client)
{
    struct addr a = addr_unmap(client);
    if (a.family == ADDR_V6)
        memset(a.bytes + 8, 0, 8);
    a.port = 0;
    a.scope = 0;
    return a;
}

static struct link *list_of(struct pool *p, const struct addr *client)
{
    unsigned sum = 0;
    for (size_t i = 0; i < 8; i++)
        sum = sum * 31 + client->bytes[i];
    return &p->parties[sum % PARTY_LISTS];
}

void turns_init(struct pool *p)
{
    for (size_t i = 0; i < PARTY_LISTS; i++)
        link_init(&p->parties[i]);
}

static struct party *find(struct link *list, const struct addr *client)
{
    LIST_EACH (list, it) {
        struct party *party = CONTAINER(it, struct party, link);
        if (addr_equal(&party->client, client))
            return party;
    }
    struct party *party = NEW(struct party);
    party->client = *client;
    link_init(&party->link);
    list_push_front(list, &party->link);
    return party;
}

void turns_join(struct lease *lease, const struct addr *client)
{
    struct addr a = whose(client);
    lease->party = find(list_of(lease->pool, &a), &a);
    lease->party->leases++;
}

void turns_leave(struct lease *lease)
{
    struct party *party = lease->party;
    if (--party->leases > 0)
        return;
    link_remove(&party->link);
    free(party);
}

/* ---- what is counted ---- */

static void count_asking(struct lease *lease, bool asks)
{
    unsigned one = asks ? 1 : (unsigned)-1;
    lease->party->asking += one;
    lease->pool->nasking += one;
    if (!lease->yields)
        lease->pool->nurgent += one;
}

void turns_count_waiting(struct lease *lease, bool waits)
{
    if (!lease->rests)
        count_asking(lease, waits);
}

void turns_count_held(struct lease *lease, bool holds)
{
    if (holds)
        lease->party->held++;
    else
        lease->party->held--;
}

void lease_rest(struct lease *lease, bool rests, usec since)
{
    struct pool *p = lease->pool;
    lease->rests_since = since;
    if (lease->rests == rests)
        return;
    lease->rests = rests;
    if (lease->crowd)
        count_asking(lease, !rests);
    if (p->nasking)
        pool_serve_later(p);
}

/* ---- who is first ---- */

static unsigned share(const struct pool *p)
{
    unsigned max = pool_limit(p);
    return max > 1 ? max / 2 : 1;
}

static bool others_ask(const struct lease *lease)
{
    return lease->pool->nasking > lease->party->asking;
}

bool turns_lets_pass(const struct lease *lease)
{
    if (lease->rests && lease->pool->nasking > 0)
        return true;
    if (lease->yields)
        return lease->pool->nurgent > 0;
    return others_ask(lease) && lease->party->held >= share(lease->pool);
}

static usec rest_ends(const struct lease *lease)
{
    bool has_more = others_ask(lease) && lease->party->held > share(lease->pool);
    return lease->rests_since + (has_more ? REST_BEYOND_SHARE : REST_MAX);
}

void turns_recall(struct pool *p)
{
    struct link *head = &p->sessions[SESSION_LEASED].list;
    unsigned coming = p->sessions[SESSION_SETTLING].n,
             wanted = p->nasking > coming ? p->nasking - coming : 0;
    usec next = INT64_MAX;
    /* The leases that began first are at the end. */
    for (struct link *it = head->prev, *before; wanted > 0 && it != head; it = before) {
        struct lease *lease = CONTAINER(it, struct warm, link)->lease;
        before = it->prev;
        if (!lease->rests || !lease->events->recalled)
            continue;
        if (rest_ends(lease) <= now_of(p)) {
            wanted--;
            lease->events->recalled(lease->ctx);
        } else if (rest_ends(lease) < next) {
            next = rest_ends(lease);
        }
    }
    if (next != INT64_MAX)
        pool_serve_again_in(p, next - now_of(p));
}
