/* The spool in memory: one entry for each message, found by its ID, in one list of waiting and one
 * of failed messages, oldest first. A message takes about 200 octets. Recipients and bodies stay on
 * the disk. */
#ifndef SPOOL_INDEX_H
#define SPOOL_INDEX_H

#include "base/buf.h"
#include "base/list.h"
#include "base/units.h"
#include "spool/format.h"
#include "spool/history.h"

enum spool_place { PLACE_QUEUE, PLACE_FAILED };

/* Only the store changes it, except `user`. */
struct spool_entry {
    /* In the index's list of its place. */
    struct link link;
    struct spool_entry *next;
    /* Interned: equal names have the same pointer. */
    const char *account;
    char id[SPOOL_ID_SIZE];
    uint64_t sequence;
    /* The octets of the message's file, and of the good lines in the log's file. */
    uint64_t size, log_size;
    /* Virtual times: when it was accepted, since when its age counts, and when it last failed, or
     * 0. */
    usec queued, since, failed_at;
    uint32_t nrecipients, waiting, refused, failed;
    uint32_t tries, unknown, bounces;
    /* The lines of the log that are not on the disk yet, or NULL. */
    struct buf *owed;
    /* Why it was given up, if that was read at the start. Otherwise NULL: see its errand. */
    char *reason;
    /* For the sender. */
    void *user;
    enum spool_bounce bounce;
    enum spool_place place, log_place;
    /* The destination of a move that is open. */
    enum spool_place move_to;
    /* Its log has a file. The file's name is on the disk. The file cannot be appended to any
     * more. */
    bool has_log, log_is_durable, log_is_bad;
    /* A move to move_to has begun. It is not known where the two files are on the disk. */
    bool move_is_open;
    /* It is open or being changed. */
    bool is_busy;
    /* It is a bounce, and the log of its message does not name it yet. It must not be sent. */
    bool is_held;
    /* All recipients are served, or an administrator removed it. Only its files are left. */
    bool is_gone;
};

struct spool_name {
    struct spool_name *next;
    char text[];
};

struct spool_index {
    struct spool_entry **slots;
    size_t nslots;
    /* For each place. */
    struct link lists[2];
    size_t counts[2];
    uint64_t octets[2];
    struct spool_name *names;
};

void spool_index_init(struct spool_index *index);
/* Frees all entries, too. */
void spool_index_free(struct spool_index *index);
/* Lives as long as the index. */
const char *spool_index_intern(struct spool_index *index, const char *name);
struct spool_entry *spool_index_find(const struct spool_index *index, const char *id);
/* Takes it and puts it where its sequence belongs in the list of its place. */
void spool_index_add(struct spool_index *index, struct spool_entry *entry);
/* Removes and frees it. */
void spool_index_remove(struct spool_index *index, struct spool_entry *entry);
void spool_index_move(struct spool_index *index, struct spool_entry *entry, enum spool_place place);
/* Copies into the entry what a history counts. */
void spool_entry_count(struct spool_entry *entry, const struct history *h);
/* Does the same for a message whose history was read from the disk. */
void spool_entry_learn(struct spool_entry *entry, const struct spool_envelope *e,
                       const struct history *h);
/* Returns the octets of memory that entries and table take. */
size_t spool_index_memory(const struct spool_index *index);

#endif
