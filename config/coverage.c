#include "config/coverage.h"

#include <stdlib.h>

#include "base/mem.h"

/* --- all --- */

/* Returns whether the networks together hold every address that begins with the first `bits` of
 * `prefix`. */
static bool covers(const struct networks *list, struct addr *prefix, unsigned bits)
{
    bool has_inner = false;
    const struct network part = {.base = *prefix, .bits = bits};
    for (size_t i = 0; i < list->n; i++) {
        const struct network *n = &list->items[i];
        if (n->base.family != prefix->family)
            continue;
        if (n->bits <= bits && network_contains(n, prefix))
            return true;
        has_inner |= n->bits > bits && network_contains(&part, &n->base);
    }
    if (!has_inner)
        return false;
    uint8_t bit = (uint8_t)(0x80 >> (bits % 8));
    bool both = covers(list, prefix, bits + 1);
    prefix->bytes[bits / 8] |= bit;
    both = both && covers(list, prefix, bits + 1);
    prefix->bytes[bits / 8] &= (uint8_t)~bit;
    return both;
}

bool networks_cover_all(const struct networks *list, enum addr_family family)
{
    struct addr zero = {.family = family};
    return covers(list, &zero, 0);
}

/* --- most --- */

/* A range of the first 64 bits of addresses, both ends included. An IPv6 network smaller than a /64
 * counts as the whole /64. No list is long enough for that to matter, except at the very edge of a
 * half, where the stricter answer is right. */
struct span {
    uint64_t first, last;
};

static struct span span_of(const struct network *n)
{
    uint64_t first = 0;
    for (size_t i = 0; i < 8; i++)
        first = first << 8 | (i < 4 || n->base.family == ADDR_V6 ? n->base.bytes[i] : 0);
    uint64_t rest = n->bits == 0 ? UINT64_MAX : n->bits >= 64 ? 0 : UINT64_MAX >> n->bits;
    return (struct span){first & ~rest, first | rest};
}

static int by_first(const void *a, const void *b)
{
    uint64_t x = ((const struct span *)a)->first, y = ((const struct span *)b)->first;
    return x < y ? -1 : x > y;
}

/* Gives the networks of the family in order. */
static struct span *spans_within(const struct networks *list, enum addr_family family,
                                 struct span world, size_t *n_r)
{
    struct span *spans = mem_alloc((list->n + 1) * sizeof *spans);
    *n_r = 0;
    for (size_t i = 0; i < list->n; i++) {
        struct span s = span_of(&list->items[i]);
        if (list->items[i].base.family != family || s.last < world.first || s.first > world.last)
            continue;
        s.first = s.first < world.first ? world.first : s.first;
        s.last = s.last > world.last ? world.last : s.last;
        spans[(*n_r)++] = s;
    }
    qsort(spans, *n_r, sizeof *spans, by_first);
    return spans;
}

bool networks_cover_most(const struct networks *list, enum addr_family family)
{
    static const struct span v4 = {0, UINT64_MAX};
    static const struct span v6 = {UINT64_C(0x2000) << 48, (UINT64_C(0x4000) << 48) - 1};
    struct span world = family == ADDR_V4 ? v4 : v6;
    uint64_t half = (world.last - world.first) / 2 + 1, covered = 0, next = 0;
    bool most = false, at_end = false;
    size_t n;
    struct span *spans = spans_within(list, family, world, &n);
    for (size_t i = 0; i < n && !most && !at_end; i++) {
        /* Addresses before `next` were counted already. */
        uint64_t first = spans[i].first > next ? spans[i].first : next;
        if (spans[i].last < first)
            continue;
        uint64_t size_less_one = spans[i].last - first;
        most = size_less_one >= half - covered;
        covered += most ? 0 : size_less_one + 1;
        at_end = spans[i].last == UINT64_MAX;
        next = spans[i].last + 1;
    }
    free(spans);
    return most;
}

const char *networks_world(const struct networks *list)
{
    if (networks_cover_most(list, ADDR_V4))
        return "more than half of IPv4";
    return networks_cover_most(list, ADDR_V6) ? "more than half of IPv6 (2000::/3)" : NULL;
}
