/* The spool's messages on the disk, and what was promised about them: a message that was taken is
 * in queue/ or failed/, with its octets, until every recipient is served or an administrator
 * removes it, whatever breaks and whenever the power goes. Nothing here sends anything.
 *
 *   lock  format  clock  queue/ID  queue/ID.log  queue/ID.new  failed/ID  failed/ID.log  corrupt/
 *
 * All callbacks come from the loop. If the store was not started, they come before the call
 * returns. */
#ifndef SPOOL_STORE_H
#define SPOOL_STORE_H

#include "base/err.h"
#include "io/io.h"
#include "spool/format.h"
#include "spool/history.h"
#include "spool/index.h"

struct store;

/* Borrowed until store_open returns. */
struct spool_settings {
    const char *directory;
    /* The octets of all messages. failed/ may have a tenth of them. */
    uint64_t max_size;
    size_t max_messages;
    /* The percentage of the file system that must stay free, in octets and in files. */
    unsigned min_free;
    /* A time off counts up to max_age. The directory failed/ keeps a message for failed_age. */
    usec max_age, failed_age;
};

/* What the sender is told. Every call may be NULL. */
struct store_watch {
    /* The message was taken, or released, or waits again. It may be sent. */
    void (*ready)(void *ctx, struct spool_entry *entry);
    /* The entry is freed when the call returns. */
    void (*gone)(void *ctx, struct spool_entry *entry);
    void *ctx;
};

/* Gives. Opens, locks and reads the directory, at once: nothing else runs meanwhile. Damaged
 * messages go to corrupt/; what a crash left half done is finished. NULL: ERR_IN_USE: another
 * process has it; else it can't be used, and the words say why. */
struct store *store_open(const struct io *io, const struct spool_settings *settings,
                         struct err *err) MUST_USE;
/* From here on the disk has its own thread. */
int store_start(struct store *store, struct err *err) MUST_USE;
/* Stops what is in progress, as a crash would. No callback follows. Close messages and end or abort
 * writers first if they shall leave nothing behind. NULL is fine. */
void store_close(struct store **store);
/* Returns whether nothing is in progress. */
bool store_is_idle(const struct store *store);
void store_set_watch(struct store *store, const struct store_watch *watch);
/* Call this after a reload. The directory stays. */
void store_set(struct store *store, const struct spool_settings *settings);

const struct spool_index *store_index(const struct store *store);
struct spool_entry *store_find(const struct store *store, const char *id);
/* Returns the virtual time. */
usec store_now(const struct store *store);
/* Before an orderly end: where something waits, writes down what the clocks say. It is under way
 * until the store is idle. */
void store_note_clock(struct store *store);
/* Returns the number of messages that are being written. */
size_t store_receiving(const struct store *store);
/* Returns the number of messages in corrupt/ when it was counted last. */
size_t store_corrupt(const struct store *store);
/* Counts them anew, on the disk's thread, if there were any: somebody may have removed them. */
void store_recount_corrupt(struct store *store);
/* Lends. */
const char *store_directory(const struct store *store);

/* ---- taking a message ---- */

enum store_no {
    STORE_TAKES,
    STORE_NO_SIZE,
    STORE_NO_MESSAGES,
    /* The file system has less than min_free left, or it said ENOSPC. */
    STORE_NO_DISK,
    /* A write or a sync failed. Nothing is taken until one succeeds. */
    STORE_NO_TRUST,
    /* This message cannot be kept: its head is too large, or its ID is in use. */
    STORE_NO_MESSAGE,
    STORE_NO_COUNT
};
/* Returns "size", "messages", "disk" and so on, for the log and the metric. */
const char *store_no_name(enum store_no no);
/* Returns whether a message of so many octets would be taken now. */
enum store_no store_would_take(struct store *store, uint64_t octets, bool is_bounce);
/* Whether it is full, and of what: its disk, its number of messages, or its octets. Of those it is
 * full once nothing at all has place, or the last message that was refused for its size would be
 * refused again, unless that is larger than those that are kept. STORE_TAKES: it is not. */
enum store_no store_is_full(struct store *store);
/* A sentence for the log, which says what to do; `why` is of store_is_full, not STORE_TAKES. */
void store_full_words(const struct store *store, enum store_no why, char *out, size_t size);
/* Notes that a message of a client, of so many octets as far as it is known, was not taken. */
void store_note_refusal(struct store *store, enum store_no why, uint64_t octets);
/* Returns how many were not taken for this reason since the start. */
uint64_t store_refusals(const struct store *store, enum store_no why);

struct store_writer;
/* Exactly one of taken and failed comes, after store_end, or failed before; the writer is gone
 * then, and nothing of it is left on the disk as far as the disk allowed. */
struct store_taker {
    /* File and directory are on the disk. The answer may be 250. */
    void (*taken)(void *ctx, struct spool_entry *entry);
    void (*failed)(void *ctx, enum store_no why, const struct err *err);
    /* The disk has caught up. Continue to write. */
    void (*low)(void *ctx);
    void *ctx;
};
/* Gives; NULL: *no_r says why. `expected` octets of body are reserved (0: unknown). The envelope is
 * borrowed until the call returns; its sequence and times are set here. A message whose ID is
 * "ID.bK" is the Kth bounce of ID; it is held until store_message_give_up names it. Before
 * store_start the writer may be gone when this, store_write or store_end returns: `failed` was
 * called then, and this one returns NULL. */
struct store_writer *store_begin(struct store *store, struct spool_envelope *envelope,
                                 uint64_t expected, const struct store_taker *taker,
                                 enum store_no *no_r) MUST_USE;
/* What another spool has written down of a message. */
struct store_past {
    /* Lines of its log; all of them are good. Borrowed until the call returns. */
    struct slice log;
    /* Its virtual clock now. */
    usec now;
};
/* Likewise a message that another spool has kept, with its past: its times are moved to this clock,
 * its log is on the disk before its name is, and its bounces are held no longer. What failed goes
 * to failed/. */
struct store_writer *store_begin_adopted(struct store *store, struct spool_envelope *envelope,
                                         const struct store_past *past, uint64_t expected,
                                         const struct store_taker *taker,
                                         enum store_no *no_r) MUST_USE;
/* Takes octets of the body. Returns false if the disk is slow. Then wait for `low`. */
bool store_write(struct store_writer *writer, struct slice octets);
/* Before store_end: the client's own try went out whole and had no answer, which the head does not
 * say. The message's log begins with it. */
void store_lost(struct store_writer *writer);
void store_end(struct store_writer *writer);
/* No callback follows. */
void store_abort(struct store_writer **writer);

/* ---- a message that is there ---- */

typedef void store_done(void *arg, const struct err *err);

struct store_message;
typedef void store_opened(void *arg, struct store_message *message, const struct err *err);
/* Opens one for sending or showing; it is the caller's alone until it is closed. NULL with
 * ERR_IN_USE: somebody has it; ERR_PROTOCOL: damaged, it went to corrupt/; ERR_NOT_FOUND: the file
 * has disappeared (the entry is gone in both cases); else the disk's error. */
void store_message_open(struct store *store, struct spool_entry *entry, store_opened *fn,
                        void *arg);
/* No call below may be in progress. */
void store_message_close(struct store_message **message);
const struct spool_envelope *store_message_envelope(const struct store_message *message);
const struct history *store_message_history(const struct store_message *message);
/* Returns the octets of its body. */
uint64_t store_message_size(const struct store_message *message);
/* Returns NULL if the message is gone, because it was served, removed or damaged. */
struct spool_entry *store_message_entry(const struct store_message *message);

enum store_read {
    STORE_OCTETS,
    /* The body has ended and agrees with its checksum. Only now may its end of data be sent. */
    STORE_END,
    /* The body does not agree with its checksum. The message went to corrupt/. */
    STORE_DAMAGED,
    STORE_READ_FAILED,
};
typedef void store_octets(void *arg, enum store_read what, struct slice octets,
                          const struct err *err);
/* Reads the next octets of the body, CAP_DISK_CHUNK at most. They are borrowed. One call at a
 * time. */
void store_message_read(struct store_message *message, store_octets *fn, void *arg);
/* Begins to read from the first octet again, for another session. */
void store_message_rewind(struct store_message *message);

/* To be called, and answered, before the end of data goes out: a crash from here on counts as an
 * unknown outcome. An error does not forbid to send: a full disk must be able to drain. */
void store_message_dot(struct store_message *message, store_done *fn, void *arg);

struct store_fate {
    size_t recipient;
    enum fate fate;
    unsigned code;
    const char *words;
};
struct store_outcome {
    /* The end of data was sent and had no answer. */
    bool lost;
    /* For recipients that waited. Borrowed until the call returns. */
    const struct store_fate *fates;
    size_t n;
};
/* Notes how a try ended. If no recipient is left and none has failed, the message is removed.
 * Otherwise the outcome goes into the log. After an error the outcome is in memory, and the disk is
 * tried again every ten seconds. */
void store_message_outcome(struct store_message *message, const struct store_outcome *outcome,
                           store_done *fn, void *arg);
/* Gives recipients up. `bounce` was taken before under the ID of the next bounce and is released
 * when this is on the disk; NULL: nobody is told. With nobody left the message moves to failed/. */
void store_message_give_up(struct store_message *message, const size_t *recipients, size_t n,
                           struct spool_entry *bounce, store_done *fn, void *arg);
/* Writes the ID that the next bounce must have. */
void store_bounce_id(const struct spool_entry *entry, char out[SPOOL_ID_SIZE]);
/* Recipients that failed wait again, from now. From failed/ the message goes back to queue/. */
void store_retry(struct store *store, struct spool_entry *entry, store_done *fn, void *arg);
/* After an error it is gone in memory, and the disk is tried again every ten seconds. */
void store_remove(struct store *store, struct spool_entry *entry, store_done *fn, void *arg);

#endif
