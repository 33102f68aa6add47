/* Takes a message. The file is made under a name that the next start would remove, and written as
 * the octets come, its tail last. Then it is synced and renamed, and the rename is synced. Only now
 * is the message taken. If the client's own try was lost after the head was written, the log says
 * so and is on the disk before the rename. The same holds for the log of another spool's
 * message. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "spool/crc32c.h"
#include "spool/store_private.h"

enum step {
    CREATING,
    WRITING,
    SYNCING,
    /* The log. It exists if the client's own try had no answer, or if another spool kept it
     * before. */
    LOG_CREATING,
    LOG_WRITING,
    LOG_SYNCING,
    LOG_SYNCING_NAME,
    RENAMING,
    SYNCING_NAME,
    /* After an error, or after an abort. */
    CLEARING,
    CLEARING_NAME,
    CLEARING_SYNC,
    CLEARING_LOG,
};

struct store_writer {
    struct work work;
    struct store_taker taker;
    struct spool_entry *entry;
    enum step step;
    /* The octets that were not given to the disk yet. */
    struct buf gathered;
    /* The beginning of the log. Empty if there is none. */
    struct buf log;
    uint64_t head, body, reserved;
    uint32_t crc;
    /* The store's count before the first name that must last. */
    uint64_t troubles;
    /* The number of calls without an answer. */
    unsigned flying;
    bool has_ended, was_aborted, wants_low, may_be_renamed, is_bounce;
    /* The client's own try had no answer. The file that says so is made. */
    bool is_lost, has_log, is_adopted;
    /* A call of the caller's runs. If the writer ended inside it, as with a disk in blocking mode,
     * that call frees it. */
    bool is_within, is_dead;
    /* The first error. */
    bool has_failed;
    enum store_no why;
    struct err err;
};

static void go(void *arg, const struct disk_answer *a);

static void destroy(struct work *work)
{
    struct store_writer *w = CONTAINER(work, struct store_writer, work);
    if (w->is_within) {
        w->is_dead = true;
        return;
    }
    buf_free(&w->gathered);
    buf_free(&w->log);
    if (w->entry)
        free(w->entry->reason);
    free(w->entry);
    free(w);
}

static void leave(struct store_writer *w)
{
    struct store *store = w->work.store;
    store->receiving--;
    store->receiving_octets -= w->reserved;
    work_end(&w->work);
}

/* ---- the end ---- */

static void take(struct store_writer *w)
{
    struct store *store = w->work.store;
    struct store_taker taker = w->taker;
    struct spool_entry *entry = w->entry;
    bool was_aborted = w->was_aborted, has_failed = store_place_of(entry) == PLACE_FAILED;
    w->entry = NULL;
    entry->has_log = entry->log_is_durable = w->has_log;
    entry->unknown += w->is_lost;
    entry->is_busy = has_failed;
    if (w->is_adopted) {
        /* Its wall clock may be that of another machine. Ours is written soon, and counts then. */
        store->clock_written = 0;
        log_event(store->io->log, LOG_INFO, "a message of another spool is taken in",
                  log_str("id", entry->id), log_str("account", entry->account));
    }
    store->written_since += entry->size + entry->log_size;
    spool_index_add(&store->index, entry);
    leave(w);
    store_ask_room(store);
    if (!was_aborted && taker.taken)
        taker.taken(taker.ctx, entry);
    /* Another spool has given it up. */
    if (has_failed)
        store_settle(store, entry, NULL, NULL);
    else if (!entry->is_held)
        store_ready(store, entry);
}

static void fail(struct store_writer *w)
{
    struct store_taker taker = w->taker;
    struct err err = w->err;
    enum store_no why = w->why;
    bool tells = !w->was_aborted && taker.failed;
    leave(w);
    if (tells)
        taker.failed(taker.ctx, why, &err);
}

/* Removes the files. It does not matter any more whether that works. */
static void clear(struct store_writer *w)
{
    struct store *store = w->work.store;
    struct disk_directory *queue = store->places[PLACE_QUEUE];
    if (w->flying > 0)
        return;
    if (w->step < CLEARING) {
        w->step = CLEARING;
        w->flying++;
        disk_close(store->disk, &w->work.file);
        disk_unlink(store->disk, queue, store_name(w->entry->id, ".new"), go, w);
    } else if (w->step == CLEARING && w->may_be_renamed) {
        w->step = CLEARING_NAME;
        w->flying++;
        disk_unlink(store->disk, queue, w->entry->id, go, w);
    } else if (w->step < CLEARING_SYNC) {
        w->step = CLEARING_SYNC;
        w->flying++;
        disk_sync_directory(store->disk, queue, go, w);
    } else if (w->step == CLEARING_SYNC && w->has_log) {
        /* The log is removed last. Without it, a message that came back would be tried once too
         * often. */
        w->step = CLEARING_LOG;
        w->flying++;
        disk_unlink(store->disk, queue, store_name(w->entry->id, ".log"), go, w);
    } else {
        fail(w);
    }
}

static void set_failed(struct store_writer *w, enum store_no why, const struct err *err)
{
    if (w->has_failed)
        return;
    w->has_failed = true;
    w->why = why;
    w->err = *err;
    buf_clear(&w->gathered);
}

/* ---- the way there ---- */

static void hand_over(struct store_writer *w)
{
    if (w->gathered.len == 0)
        return;
    w->flying++;
    disk_append(w->work.store->disk, w->work.file, &w->gathered, go, w);
}

static void finish_writing(struct store_writer *w)
{
    char tail[SPOOL_TAIL_SIZE];
    spool_tail_write(tail, w->head, w->body, w->crc);
    if (!buf_append(&w->gathered, tail, sizeof tail))
        abort();
    w->entry->size = w->head + w->body + sizeof tail;
    hand_over(w);
}

static void rename_it(struct store_writer *w)
{
    struct store *store = w->work.store;
    struct disk_directory *queue = store->places[PLACE_QUEUE];
    w->step = RENAMING;
    w->flying++;
    w->may_be_renamed = true;
    disk_close(store->disk, &w->work.file);
    disk_rename(store->disk, queue, store_name(w->entry->id, ".new"), queue, w->entry->id, go, w);
}

static void begin_log(struct store_writer *w)
{
    struct store *store = w->work.store;
    w->step = LOG_CREATING;
    w->flying++;
    disk_close(store->disk, &w->work.file);
    disk_create(store->disk, store->places[PLACE_QUEUE], store_name(w->entry->id, ".log"), go, w);
}

static void log_goes_on(struct store_writer *w)
{
    struct store *store = w->work.store;
    w->flying++;
    if (w->step == LOG_CREATING) {
        w->step = LOG_WRITING;
        w->has_log = true;
        w->entry->log_size = w->log.len;
        disk_append(store->disk, w->work.file, &w->log, go, w);
    } else if (w->step == LOG_WRITING) {
        w->step = LOG_SYNCING;
        disk_sync(store->disk, w->work.file, go, w);
    } else {
        w->step = LOG_SYNCING_NAME;
        disk_sync_directory(store->disk, store->places[PLACE_QUEUE], go, w);
    }
}

static void advance(struct store_writer *w)
{
    struct store *store = w->work.store;
    struct disk_directory *queue = store->places[PLACE_QUEUE];
    if (w->flying > 0)
        return;
    switch (w->step) {
    case CREATING:
        w->step = WRITING;
        if (w->has_ended)
            finish_writing(w);
        else
            hand_over(w);
        return;
    case WRITING:
        if (!w->has_ended)
            return;
        w->step = SYNCING;
        w->flying++;
        disk_sync(store->disk, w->work.file, go, w);
        return;
    case SYNCING:
        w->troubles = store->troubles;
        if (w->log.len)
            begin_log(w);
        else
            rename_it(w);
        return;
    case LOG_CREATING:
    case LOG_WRITING:
    case LOG_SYNCING: log_goes_on(w); return;
    case LOG_SYNCING_NAME: rename_it(w); return;
    case RENAMING:
        w->step = SYNCING_NAME;
        w->flying++;
        disk_sync_directory(store->disk, queue, go, w);
        return;
    default: take(w); return;
    }
}

static bool is_directory_sync(enum step step)
{
    return step == LOG_SYNCING_NAME || step == SYNCING_NAME || step == CLEARING_SYNC;
}

static void go(void *arg, const struct disk_answer *a)
{
    struct store_writer *w = arg;
    struct store *store = w->work.store;
    w->flying--;
    if (a->file)
        w->work.file = a->file;
    if (a->err)
        store_trouble(store, a->err, is_directory_sync(w->step));
    /* The message may come back, and then needs its log. */
    if (a->err && w->step == CLEARING_SYNC)
        w->has_log = false;
    if (a->err && w->step < CLEARING) {
        set_failed(w, a->err->kind == ERR_FULL ? STORE_NO_DISK : STORE_NO_TRUST, a->err);
        /* The file with a name that was in use is not ours and must stay. */
        if (w->step == CREATING && a->err->kind == ERR_EXISTS)
            w->step = CLEARING_SYNC;
    }
    if (w->step == SYNCING_NAME && w->troubles != store->troubles) {
        struct err err;
        err_set(&err, ERR_SYSTEM, "another sync of the directory has failed");
        set_failed(w, STORE_NO_TRUST, &err);
    }
    if (w->has_failed || w->was_aborted) {
        clear(w);
        return;
    }
    enum step before = w->step;
    bool tells = w->wants_low && !disk_is_busy(store->disk) && before == WRITING && !w->has_ended;
    advance(w);
    if (tells) {
        w->wants_low = false;
        if (w->taker.low)
            w->taker.low(w->taker.ctx);
    }
}

/* ---- what is called ---- */

static bool has_died_within(struct store_writer *w)
{
    bool is_dead = w->is_dead;
    w->is_within = false;
    if (is_dead)
        destroy(&w->work);
    return is_dead;
}

/* Converts another spool's log to this clock. Returns false if it cannot be read. */
static bool take_past(struct store_writer *w, struct store *store, const struct spool_envelope *e,
                      const struct store_past *past)
{
    struct history h;
    usec now = store_now(store);
    history_init(&h, e->nrecipients);
    h.unknown = e->unknown;
    bool is_good = history_move(&w->log, e->id, past->log, now - past->now, now) &&
                   history_read(&h, e->id, buf_view(&w->log)) == w->log.len;
    if (is_good) {
        spool_entry_learn(w->entry, e, &h);
        w->entry->is_held = false;
    }
    history_free(&h);
    return is_good;
}

static struct spool_entry *entry_of(struct store *store, const struct spool_envelope *e)
{
    struct spool_entry *entry = NEW(struct spool_entry);
    snprintf(entry->id, sizeof entry->id, "%s", e->id);
    entry->account = spool_index_intern(&store->index, e->account);
    entry->sequence = e->sequence;
    entry->queued = entry->since = e->queued;
    entry->nrecipients = entry->waiting = (uint32_t)e->nrecipients;
    entry->unknown = e->unknown;
    entry->bounce = e->bounce;
    entry->is_held = strchr(e->id, '.') != NULL;
    return entry;
}

/* Checks everything that needs no disk. */
static bool prepare(struct store_writer *w, struct store *store, struct spool_envelope *e,
                    const struct store_past *past)
{
    usec now = store_now(store);
    int64_t wall = loop_wall_ms(store->io->loop);
    e->sequence = store->sequence + 1;
    if (!past)
        e->written_ms = wall > 0 ? wall : 0;
    e->queued = past ? spool_clock_shift(e->queued, now - past->now, now) : now;
    if (!spool_id_is_valid(e->id) || store_find(store, e->id) || e->nrecipients == 0 ||
        !spool_head_write(&w->gathered, e) || w->gathered.len > CAP_SPOOL_HEAD)
        return false;
    w->entry = entry_of(store, e);
    return !past || take_past(w, store, e, past);
}

static struct store_writer *begin(struct store *store, struct spool_envelope *envelope,
                                  const struct store_past *past, uint64_t expected,
                                  const struct store_taker *taker, enum store_no *no_r)
{
    bool is_bounce = envelope->bounce != SPOOL_MAIL;
    *no_r = store_would_take(store, expected, is_bounce);
    store_ask_room(store);
    if (*no_r != STORE_TAKES)
        return NULL;
    struct store_writer *w = NEW(struct store_writer);
    buf_init(&w->gathered, CAP_SPOOL_HEAD + 2 * CAP_DISK_CHUNK);
    buf_init(&w->log, CAP_SPOOL_LOG);
    if (!prepare(w, store, envelope, past)) {
        *no_r = STORE_NO_MESSAGE;
        destroy(&w->work);
        return NULL;
    }
    store->sequence++;
    work_begin(store, &w->work, destroy);
    w->taker = *taker;
    w->is_bounce = is_bounce;
    w->is_adopted = past != NULL;
    w->head = w->gathered.len;
    w->crc = crc32c(0, buf_view(&w->gathered));
    w->reserved = w->head + expected;
    store->receiving++;
    store->receiving_octets += w->reserved;
    w->flying++;
    w->is_within = true;
    disk_create(store->disk, store->places[PLACE_QUEUE], store_name(envelope->id, ".new"), go, w);
    if (has_died_within(w)) {
        *no_r = STORE_NO_DISK;
        return NULL;
    }
    return w;
}

struct store_writer *store_begin(struct store *store, struct spool_envelope *envelope,
                                 uint64_t expected, const struct store_taker *taker,
                                 enum store_no *no_r)
{
    return begin(store, envelope, NULL, expected, taker, no_r);
}

struct store_writer *store_begin_adopted(struct store *store, struct spool_envelope *envelope,
                                         const struct store_past *past, uint64_t expected,
                                         const struct store_taker *taker, enum store_no *no_r)
{
    return begin(store, envelope, past, expected, taker, no_r);
}

/* Reserves room for a body that is larger than its declared size. */
static bool reserve(struct store_writer *w)
{
    struct store *store = w->work.store;
    uint64_t needs = w->head + w->body;
    struct err err;
    if (needs <= w->reserved)
        return true;
    enum store_no no = store_would_take(store, needs - w->reserved, w->is_bounce);
    /* Its own place is already counted. */
    if (no != STORE_TAKES && no != STORE_NO_MESSAGES) {
        err_set(&err, ERR_FULL, "the spool is full");
        set_failed(w, no, &err);
        return false;
    }
    store->receiving_octets += needs - w->reserved;
    w->reserved = needs;
    return true;
}

bool store_write(struct store_writer *w, struct slice octets)
{
    if (w->has_failed || w->has_ended)
        return true;
    w->is_within = true;
    w->body += octets.len;
    w->crc = crc32c(w->crc, octets);
    if (!reserve(w))
        octets.len = 0;
    while (octets.len) {
        struct slice part = slice_head(octets, CAP_DISK_CHUNK);
        if (!buf_append_slice(&w->gathered, part)) {
            struct err err;
            err_set(&err, ERR_FULL, "more was written than memory is kept for");
            set_failed(w, STORE_NO_DISK, &err);
            break;
        }
        octets = slice_from(octets, part.len);
        if (w->step == WRITING && w->gathered.len >= CAP_DISK_CHUNK)
            hand_over(w);
        if (w->is_dead)
            break;
    }
    if (has_died_within(w) || w->has_failed)
        return true;
    w->wants_low = disk_is_busy(w->work.store->disk) || w->gathered.len >= 2 * CAP_DISK_CHUNK;
    return !w->wants_low;
}

void store_lost(struct store_writer *w)
{
    w->is_lost = true;
    if (!history_add_lost(&w->log, w->entry->id, 0))
        abort();
}

void store_end(struct store_writer *w)
{
    w->has_ended = true;
    if (w->has_failed)
        clear(w);
    else if (w->step == WRITING)
        finish_writing(w);
}

void store_abort(struct store_writer **writer)
{
    struct store_writer *w = *writer;
    *writer = NULL;
    if (!w)
        return;
    w->was_aborted = true;
    clear(w);
}
