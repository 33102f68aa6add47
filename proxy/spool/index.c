#include "spool/index.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static size_t slot_of(const struct spool_index *index, const char *id)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *id; id++)
        h = (h ^ (unsigned char)*id) * UINT64_C(0x100000001b3);
    return (size_t)(h ^ h >> 32) & (index->nslots - 1);
}

void spool_index_init(struct spool_index *index)
{
    memset(index, 0, sizeof *index);
    link_init(&index->lists[PLACE_QUEUE]);
    link_init(&index->lists[PLACE_FAILED]);
    index->nslots = 64;
    index->slots = mem_alloc(index->nslots * sizeof *index->slots);
}

static void entry_free(struct spool_entry *entry)
{
    if (entry->owed)
        buf_free(entry->owed);
    free(entry->owed);
    free(entry->reason);
    free(entry);
}

void spool_index_free(struct spool_index *index)
{
    for (int place = PLACE_QUEUE; place <= PLACE_FAILED; place++)
        LIST_EACH (&index->lists[place], it)
            entry_free(CONTAINER(it, struct spool_entry, link));
    while (index->names) {
        struct spool_name *next = index->names->next;
        free(index->names);
        index->names = next;
    }
    free(index->slots);
}

const char *spool_index_intern(struct spool_index *index, const char *name)
{
    for (struct spool_name *n = index->names; n; n = n->next)
        if (strcmp(n->text, name) == 0)
            return n->text;
    struct spool_name *n = mem_alloc(sizeof *n + strlen(name) + 1);
    strcpy(n->text, name);
    n->next = index->names;
    index->names = n;
    return n->text;
}

struct spool_entry *spool_index_find(const struct spool_index *index, const char *id)
{
    struct spool_entry *e = index->slots[slot_of(index, id)];
    while (e && strcmp(e->id, id) != 0)
        e = e->next;
    return e;
}

static void grow(struct spool_index *index)
{
    struct spool_entry **old = index->slots;
    size_t n = index->nslots;
    index->nslots = n * 2;
    index->slots = mem_alloc(index->nslots * sizeof *index->slots);
    for (size_t i = 0; i < n; i++)
        for (struct spool_entry *e = old[i], *next; e; e = next) {
            size_t slot = slot_of(index, e->id);
            next = e->next;
            e->next = index->slots[slot];
            index->slots[slot] = e;
        }
    free(old);
}

/* Searches from the end, because new messages belong there. */
static void put_in_list(struct spool_index *index, struct spool_entry *entry)
{
    struct link *head = &index->lists[entry->place], *at = head->prev;
    while (at != head && CONTAINER(at, struct spool_entry, link)->sequence > entry->sequence)
        at = at->prev;
    link_insert_before(at->next, &entry->link);
    index->counts[entry->place]++;
    index->octets[entry->place] += entry->size;
}

static void take_from_list(struct spool_index *index, struct spool_entry *entry)
{
    link_remove(&entry->link);
    index->counts[entry->place]--;
    index->octets[entry->place] -= entry->size;
}

void spool_index_add(struct spool_index *index, struct spool_entry *entry)
{
    if (index->counts[0] + index->counts[1] >= index->nslots)
        grow(index);
    size_t slot = slot_of(index, entry->id);
    entry->next = index->slots[slot];
    index->slots[slot] = entry;
    put_in_list(index, entry);
}

void spool_index_remove(struct spool_index *index, struct spool_entry *entry)
{
    struct spool_entry **at = &index->slots[slot_of(index, entry->id)];
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    take_from_list(index, entry);
    entry_free(entry);
}

void spool_index_move(struct spool_index *index, struct spool_entry *entry, enum spool_place place)
{
    take_from_list(index, entry);
    entry->place = place;
    put_in_list(index, entry);
}

void spool_entry_count(struct spool_entry *entry, const struct history *h)
{
    struct history_count c = history_count(h);
    entry->waiting = (uint32_t)c.waiting;
    entry->refused = (uint32_t)c.refused;
    entry->failed = (uint32_t)c.failed;
    entry->tries = h->tries;
    entry->unknown = history_unknown(h);
    entry->bounces = h->bounces;
    entry->failed_at = h->failed_at;
    entry->since = h->again && h->again_at > entry->queued ? h->again_at : entry->queued;
}

/* Takes the reason from the log, because another process has given it up. */
void spool_entry_learn(struct spool_entry *entry, const struct spool_envelope *e,
                       const struct history *h)
{
    char words[HISTORY_REASON];
    spool_entry_count(entry, h);
    if (entry->failed)
        entry->reason = mem_string(history_reason(h, words) ? words : e->reason);
}

size_t spool_index_memory(const struct spool_index *index)
{
    return (index->counts[0] + index->counts[1]) * sizeof(struct spool_entry) +
           index->nslots * sizeof *index->slots;
}
