/* The store's room: which messages it would take now, and whether it is full. */
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "io/disk.h"
#include "io/loop.h"
#include "spool/store_private.h"

void store_full_words(const struct store *store, enum store_no why, char *out, size_t size)
{
    const struct spool_settings *s = &store->settings;
    switch (why) {
    case STORE_NO_SIZE:
        snprintf(out, size,
                 "the spool takes no more mail: what it keeps has come to max_size = %" PRIu64
                 " octets; raise max_size, or see what waits (`smtp-detour spool list`)",
                 s->max_size);
        return;
    case STORE_NO_MESSAGES:
        snprintf(out, size,
                 "the spool takes no more mail: it keeps max_messages = %zu messages; raise "
                 "max_messages, or see what waits (`smtp-detour spool list`)",
                 s->max_messages);
        return;
    case STORE_NO_DISK:
        snprintf(out, size,
                 "the spool takes nothing: less than min_free = %u%% of its file system is free; "
                 "make room in the file system of %.200s",
                 s->min_free, store->directory);
        return;
    default:
        snprintf(out, size, "the spool takes nothing until its disk can be written again: %s",
                 store->broken_by.words);
    }
}

static void room_is_known(void *arg, const struct disk_answer *a)
{
    struct store *store = arg;
    if (a->err)
        return;
    store->room = a->room;
    store->room_is_known = true;
    store->written_since = 0;
}

void store_ask_room(struct store *store)
{
    usec now = loop_now(store->io->loop);
    if (store->room_asked && now - store->room_asked < USEC_PER_SEC)
        return;
    store->room_asked = now;
    disk_room(store->disk, store->places[PLACE_QUEUE], room_is_known, store);
}

static bool disk_is_short(const struct store *store, uint64_t octets)
{
    const struct disk_room *room = &store->room;
    if (!store->room_is_known)
        return false;
    uint64_t needs = room->octets_total / 100 * store->settings.min_free + store->written_since +
                     store->receiving_octets + octets;
    return room->octets < needs ||
           (room->files_total &&
            room->files < room->files_total / 100 * store->settings.min_free + 2);
}

/* The log is told once when the room becomes short, and once when it no longer is. */
static void say_short(struct store *store, bool is_short)
{
    char words[STORE_FULL_WORDS];
    if (store->room_was_short == is_short)
        return;
    store->room_was_short = is_short;
    store_full_words(store, STORE_NO_DISK, words, sizeof words);
    if (is_short)
        log_say(store->io->log, LOG_ERROR, "%s", words);
    else
        log_say(store->io->log, LOG_INFO, "the spool's file system has room again");
}

/* Checks the disk. Returns STORE_TAKES if nothing is wrong with it. */
static enum store_no fault_of_disk(struct store *store, uint64_t octets)
{
    if (store->is_broken)
        return STORE_NO_TRUST;
    bool is_short = disk_is_short(store, octets);
    say_short(store, is_short);
    return is_short ? STORE_NO_DISK : STORE_TAKES;
}

static bool has_number(const struct store *store, size_t most)
{
    const struct spool_index *index = &store->index;
    return index->counts[PLACE_QUEUE] + index->counts[PLACE_FAILED] + store->receiving < most;
}

static bool has_place(const struct store *store, uint64_t octets, uint64_t most)
{
    const struct spool_index *index = &store->index;
    uint64_t used =
        index->octets[PLACE_QUEUE] + index->octets[PLACE_FAILED] + store->receiving_octets;
    return octets <= most && used <= most - octets;
}

enum store_no store_would_take(struct store *store, uint64_t octets, bool is_bounce)
{
    uint64_t max = store->settings.max_size;
    size_t messages = store->settings.max_messages;
    if (is_bounce) {
        max += max / 20;
        messages += messages / 20 + 1;
    }
    enum store_no fault = fault_of_disk(store, octets);
    if (fault != STORE_TAKES)
        return fault;
    if (!has_number(store, messages))
        return STORE_NO_MESSAGES;
    return has_place(store, octets, max) ? STORE_TAKES : STORE_NO_SIZE;
}

/* The messages in the spool show how large its mail is. A refused message that is larger than these
 * does not mean that the spool is full. */
static bool is_usual(const struct store *store, uint64_t octets)
{
    const struct spool_index *index = &store->index;
    size_t n = index->counts[PLACE_QUEUE] + index->counts[PLACE_FAILED];
    return n && octets <= (index->octets[PLACE_QUEUE] + index->octets[PLACE_FAILED]) / n;
}

enum store_no store_is_full(struct store *store)
{
    uint64_t max = store->settings.max_size, last = store->refused_octets;
    enum store_no fault = fault_of_disk(store, 0);
    if (fault != STORE_TAKES)
        return fault;
    if (!has_number(store, store->settings.max_messages))
        return STORE_NO_MESSAGES;
    return has_place(store, is_usual(store, last) ? last : 1, max) ? STORE_TAKES : STORE_NO_SIZE;
}

void store_note_refusal(struct store *store, enum store_no why, uint64_t octets)
{
    store->refusals[why]++;
    if (why == STORE_NO_SIZE)
        store->refused_octets = octets;
}

uint64_t store_refusals(const struct store *store, enum store_no why)
{
    return store->refusals[why];
}

const char *store_no_name(enum store_no no)
{
    static const char *const names[] = {"", "size", "messages", "disk", "trust", "message"};
    return names[no];
}
