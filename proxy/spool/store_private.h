/* Only the files of the spool include this. */
#ifndef SPOOL_STORE_PRIVATE_H
#define SPOOL_STORE_PRIVATE_H

#include "base/caps.h"
#include "base/log.h"
#include "io/disk.h"
#include "spool/clock.h"
#include "spool/store.h"

/* A step that failed is tried again so often. */
#define STORE_TICK (10 * USEC_PER_SEC)
/* The words of store_full_words have this size. */
enum { STORE_FULL_WORDS = 400 };
/* The clock is written so often. */
#define STORE_CLOCK_EVERY (600 * USEC_PER_SEC)
/* The wall clock was set if it went this much faster or slower between two ticks. */
#define STORE_CLOCK_JUMP (2 * USEC_PER_SEC)

/* Something is under way. The struct that has this as its first member says what it is. */
struct work {
    struct link link;
    struct store *store;
    struct disk_file *file;
    /* Frees the whole, and calls nobody back. The file is closed already. */
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
    /* So many messages are in corrupt/, and so many were put there since the start. */
    size_t ncorrupt, nquarantined;
    /* The count nquarantined had this value when the recount under way was asked for. */
    size_t recount_began;
    bool is_recounting;
    struct link works;
    struct timer *tick;
    /* The clock was last written then. It is 0 if the next tick must write it. */
    usec clock_written;
    /* The wall clock was so far ahead of the monotonic one at the last tick. A jump of the wall
     * clock changes this. */
    usec wall_ahead;
    /* The scan found no later moment in the head of a message. */
    struct spool_moment head_moment;
    /* So many messages are being received, and so many octets are reserved for them. */
    size_t receiving;
    uint64_t receiving_octets;
    struct disk_room room;
    usec room_asked;
    uint64_t written_since;
    bool room_is_known, room_was_short;
    /* So many messages of clients were not taken, by enum store_no. */
    uint64_t refusals[STORE_NO_COUNT];
    /* The last message refused for its size had so many octets. It is 0 if there was none. */
    uint64_t refused_octets;
    /* Calls that failed. What began before one and ended after it is not believed: a sync says that
     * all is well though the one before it lost what it was asked for. */
    uint64_t troubles;
    /* While is_broken, nothing is taken and nothing is settled. It ends when test files were
     * written and synced. */
    bool is_broken, is_probing, writes_clock;
    /* The disk gave this error when it broke. */
    struct err broken_by;
    /* The disk lags behind for some entries. */
    bool has_unsettled;
};

void work_begin(struct store *store, struct work *work, void (*destroy)(struct work *work));
/* Closes the file of the work and frees the work. */
void work_end(struct work *work);

/* Lends "ID.log" and the like. The text lives until the fourth next call. */
const char *store_name(const char *id, const char *suffix);
/* A call failed: nothing is taken for a while. Not for a full disk, unless it was a sync of a
 * directory, nor for a name that is there or is not. */
void store_trouble(struct store *store, const struct err *err, bool was_directory_sync);
/* The callback of a sync of a directory whose end nobody waits for. */
void store_sync_ended(void *arg, const struct disk_answer *answer);
void store_ready(struct store *store, struct spool_entry *entry);
/* Tells the watch and frees the entry. */
void store_forget(struct store *store, struct spool_entry *entry);
/* Moves a damaged message to corrupt/. The entry is gone. */
void store_quarantine(struct store *store, struct spool_entry *entry, const char *why);
/* Asks for the room that the file system has, at most once a second. Call it again and again. */
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
/* Returns the place where the entry belongs. */
enum spool_place store_place_of(const struct spool_entry *entry);

/* Reads the whole directory, in blocking mode. */
int store_scan(struct store *store, struct err *err) MUST_USE;

#endif
