/* The spool in memory: one entry a message, found by its ID, in lists by what waits and what
 * failed, oldest first. About 200 octets a message; recipients and bodies stay on the disk. */
#ifndef SPOOL_INDEX_H
#define SPOOL_INDEX_H

#include "base/buf.h"
#include "base/list.h"
#include "base/units.h"
#include "spool/format.h"
#include "spool/history.h"

enum spool_place { PLACE_QUEUE, PLACE_FAILED };

/* Read by everybody, changed by the store alone, but for `user`. */
struct spool_entry {
    /* in the index's list of its place */
    struct link link;
    struct spool_entry *next;
    /* interned: the same pointer for the same name */
    const char *account;
    char id[SPOOL_ID_SIZE];
    uint64_t sequence;
    /* octets of the message's file, and of the log's good lines in its file */
    uint64_t size, log_size;
    /* Virtual time: when it was accepted, from when its age counts, when it last failed (0:
     * not). */
    usec queued, since, failed_at;
    uint32_t nrecipients, waiting, refused, failed;
    uint32_t tries, unknown, bounces;
    /* Lines of the log that are not on the disk yet; NULL: none. */
    struct buf *owed;
    /* Why it was given up, where that was read at the start; NULL: see its errand. */
    char *reason;
    /* for the sender */
    void *user;
    enum spool_bounce bounce;
    enum spool_place place, log_place;
    /* of a move that is open */
    enum spool_place move_to;
    /* Its log has a file; its name is durable; the file can't be appended to any more. */
    bool has_log, log_is_durable, log_is_bad;
    /* A move to move_to has begun: where the two files are, and what of it is durable, nobody
     * knows. */
    bool move_is_open;
    /* Open, or being changed. */
    bool is_busy;
    /* A bounce whose parent does not say yet that it was written: not to be sent. */
    bool is_held;
    /* All recipients are served, or an administrator removed it: only the disk lags behind. */
    bool is_gone;
};

struct spool_name {
    struct spool_name *next;
    char text[];
};

struct spool_index {
    struct spool_entry **slots;
    size_t nslots;
    /* of each place */
    struct link lists[2];
    size_t counts[2];
    uint64_t octets[2];
    struct spool_name *names;
};

void spool_index_init(struct spool_index *index);
/* with all entries */
void spool_index_free(struct spool_index *index);
/* Lives as long as the index. */
const char *spool_index_intern(struct spool_index *index, const char *name);
struct spool_entry *spool_index_find(const struct spool_index *index, const char *id);
/* Takes; puts it where its sequence belongs in the list of its place. */
void spool_index_add(struct spool_index *index, struct spool_entry *entry);
/* Takes it out and frees it. */
void spool_index_remove(struct spool_index *index, struct spool_entry *entry);
void spool_index_move(struct spool_index *index, struct spool_entry *entry, enum spool_place place);
/* Copies into the entry what a history counts. */
void spool_entry_count(struct spool_entry *entry, const struct history *h);
/* Likewise for a message whose history this process has read and not made. */
void spool_entry_learn(struct spool_entry *entry, const struct spool_envelope *e,
                       const struct history *h);
/* Octets of memory that entries and table take. */
size_t spool_index_memory(const struct spool_index *index);

#endif
