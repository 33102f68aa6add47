/* Within the spool's files only. */
#ifndef SPOOL_STORE_PRIVATE_H
#define SPOOL_STORE_PRIVATE_H

#include "base/caps.h"
#include "base/log.h"
#include "io/disk.h"
#include "spool/clock.h"
#include "spool/store.h"

/* how often what failed is tried again, and how often the clock is written */
#define STORE_TICK (10 * USEC_PER_SEC)
/* of store_full_words */
enum { STORE_FULL_WORDS = 400 };
#define STORE_CLOCK_EVERY (600 * USEC_PER_SEC)
/* between two ticks the wall clock went this much faster or slower: it was set */
#define STORE_CLOCK_JUMP (2 * USEC_PER_SEC)

/* Something under way; the first member of what it is. */
struct work {
    struct link link;
    struct store *store;
    struct disk_file *file;
    /* frees the whole, without any call; the file is closed already */
    void (*destroy)(struct work *work);
};

struct store {
    const struct io *io;
    struct spool_settings settings;
    char *directory;
    struct disk *disk;
    struct disk_directory *top, *places[2], *corrupt;
    struct disk_file *lock;
    struct spool_index index;
    struct spool_clock clock;
    struct store_watch watch;
    uint64_t sequence;
    /* messages in corrupt/; and how many were put there since the start */
    size_t ncorrupt, nquarantined;
    /* nquarantined when the count under way was asked for */
    size_t recount_began;
    bool is_recounting;
    struct link works;
    struct timer *tick;
    /* 0: to be written at the next tick */
    usec clock_written;
    /* by which a jump of the wall clock is seen: what it was ahead of the monotonic one */
    usec wall_ahead;
    /* of the scan: the latest that a message's head knows */
    struct spool_moment head_moment;
    /* what is being received */
    size_t receiving;
    uint64_t receiving_octets;
    struct disk_room room;
    usec room_asked;
    uint64_t written_since;
    bool room_is_known, room_was_short;
    /* messages of clients that were not taken, by enum store_no */
    uint64_t refusals[STORE_NO_COUNT];
    /* of the last that was not taken for its size; 0: none */
    uint64_t refused_octets;
    /* Calls that failed. What began before one and ended after it is not believed: a sync says that
     * all is well though the one before it lost what it was asked for. */
    uint64_t troubles;
    /* nothing is taken, and nothing settled, until test files were written and synced */
    bool is_broken, is_probing, writes_clock;
    /* why, as the disk said it */
    struct err broken_by;
    /* entries whose disk lags behind */
    bool has_unsettled;
};

void work_begin(struct store *store, struct work *work, void (*destroy)(struct work *work));
/* closes its file and frees it */
void work_end(struct work *work);

/* "ID.log" and the like; the text lives until the fourth next call */
const char *store_name(const char *id, const char *suffix);
/* A call failed: nothing is taken for a while. Not for a full disk, unless it was a sync of a
 * directory, nor for a name that is there or is not. */
void store_trouble(struct store *store, const struct err *err, bool was_directory_sync);
/* The callback of a sync of a directory whose end nobody waits for. */
void store_sync_ended(void *arg, const struct disk_answer *answer);
void store_ready(struct store *store, struct spool_entry *entry);
/* Tells the watch and frees the entry. */
void store_forget(struct store *store, struct spool_entry *entry);
/* Moves a damaged message to corrupt/; the entry is gone. */
void store_quarantine(struct store *store, struct spool_entry *entry, const char *why);
/* again and again, the room that the file system has */
void store_ask_room(struct store *store);

/* Appends lines to what the log is owed. */
void store_owe(struct spool_entry *entry, struct slice lines);
/* Writes what the log is owed; with `sync` it is on the disk afterwards, name included. */
void store_log_write(struct store *store, struct spool_entry *entry, bool sync, store_done *fn,
                     void *arg);
/* Brings the disk to where the entry is: its log written, bounces released, the files in their
 * place or gone. Every step may have been made before. The entry is busy; without an error it is
 * freed where it is gone. With fn NULL nobody wants to know, and it is busy no longer. */
void store_settle(struct store *store, struct spool_entry *entry, store_done *fn, void *arg);
bool store_is_settled(const struct spool_entry *entry);
/* where the entry belongs */
enum spool_place store_place_of(const struct spool_entry *entry);

/* Reads the whole directory; in blocking mode. */
int store_scan(struct store *store, struct err *err) MUST_USE;

#endif
