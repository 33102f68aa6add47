/* Makes the disk agree with the memory. The steps follow every outcome, in an order in which a
 * crash between any two of them does no harm. After an error all steps are made again later. A step
 * that was made before does no harm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "spool/store_private.h"

enum step {
    /* The message is gone. Its file goes first and then its log, because a message without its log
     * would be sent to all recipients. */
    REMOVE,
    REMOVE_SYNC,
    REMOVE_OTHER,
    REMOVE_OTHER_SYNC,
    REMOVE_LOG,
    REMOVE_OTHER_LOG,
    /* The message stays. Its file is moved first. Each name is synced at its new place before its
     * old one. */
    MOVE,
    MOVE_TO,
    MOVE_FROM,
    MOVE_LOG,
    MOVE_LOG_TO,
    MOVE_LOG_FROM,
    DONE,
};

struct settling {
    struct work work;
    struct spool_entry *entry;
    enum step step;
    /* The store's count at the beginning, and whether a file was moved since. */
    uint64_t troubles;
    bool has_moved;
    store_done *fn;
    void *arg;
};

static void go(void *arg, const struct disk_answer *a);
static void begin(struct settling *s);

enum spool_place store_place_of(const struct spool_entry *entry)
{
    return entry->waiting || entry->refused ? PLACE_QUEUE : PLACE_FAILED;
}

bool store_is_settled(const struct spool_entry *entry)
{
    return !entry->is_gone && !entry->owed && !entry->move_is_open &&
           entry->place == store_place_of(entry) &&
           (!entry->has_log || entry->log_place == entry->place);
}

static void destroy(struct work *work)
{
    free(CONTAINER(work, struct settling, work));
}

/* Releases the bounces that the log names now. */
static void release_bounces(struct store *store, const struct spool_entry *entry)
{
    for (unsigned k = entry->bounces; k > 0; k--) {
        char id[SPOOL_ID_SIZE + 16];
        snprintf(id, sizeof id, "%s.b%u", entry->id, k);
        struct spool_entry *bounce = store_find(store, id);
        if (!bounce || !bounce->is_held)
            continue;
        bounce->is_held = false;
        store_ready(store, bounce);
    }
}

static void end(struct settling *s, const struct err *err)
{
    store_done *fn = s->fn;
    void *arg = s->arg;
    struct store *store = s->work.store;
    struct spool_entry *entry = s->entry;
    struct err kept;
    if (!err && s->troubles != store->troubles) {
        err_set(&kept, ERR_SYSTEM, "another call has failed meanwhile");
        err = &kept;
        entry->move_is_open = entry->move_is_open || s->has_moved;
        entry->move_to = entry->place;
    } else if (err) {
        kept = *err;
        err = &kept;
    }
    if (err)
        store->has_unsettled = true;
    work_end(&s->work);
    if (!err && entry->is_gone) {
        release_bounces(store, entry);
        store_forget(store, entry);
    } else if (!fn) {
        entry->is_busy = false;
    }
    if (fn)
        fn(arg, err);
}

/* Makes the call of the present step, or skips it. */
static void make(struct settling *s)
{
    struct store *store = s->work.store;
    struct spool_entry *e = s->entry;
    enum spool_place to = e->place, other = to == PLACE_QUEUE ? PLACE_FAILED : PLACE_QUEUE;
    char name[SPOOL_ID_SIZE + 8];
    snprintf(name, sizeof name, "%s", e->id);
    switch (s->step) {
    case REMOVE: disk_unlink(store->disk, store->places[to], name, go, s); return;
    case REMOVE_OTHER: disk_unlink(store->disk, store->places[other], name, go, s); return;
    case REMOVE_LOG:
        disk_unlink(store->disk, store->places[e->log_place], store_name(e->id, ".log"), go, s);
        return;
    case REMOVE_OTHER_LOG:
        disk_unlink(store->disk,
                    store->places[e->log_place == PLACE_QUEUE ? PLACE_FAILED : PLACE_QUEUE],
                    store_name(e->id, ".log"), go, s);
        return;
    case MOVE:
        if (e->place != e->move_to)
            disk_rename(store->disk, store->places[e->place], name, store->places[e->move_to], name,
                        go, s);
        else
            disk_sync_directory(store->disk, store->places[to], go, s);
        return;
    case MOVE_LOG:
        disk_rename(store->disk, store->places[e->log_place], store_name(e->id, ".log"),
                    store->places[to], store_name(e->id, ".log"), go, s);
        return;
    case REMOVE_SYNC:
    case MOVE_TO:
    case MOVE_LOG_TO: disk_sync_directory(store->disk, store->places[to], go, s); return;
    case REMOVE_OTHER_SYNC:
    case MOVE_FROM:
    case MOVE_LOG_FROM: disk_sync_directory(store->disk, store->places[other], go, s); return;
    case DONE:
        if (e->is_gone)
            end(s, NULL);
        else
            begin(s);
        return;
    }
}

static enum step next_step(const struct settling *s)
{
    const struct spool_entry *e = s->entry;
    switch (s->step) {
    case REMOVE_SYNC: return e->move_is_open ? REMOVE_OTHER : e->has_log ? REMOVE_LOG : DONE;
    case REMOVE_OTHER_SYNC: return e->has_log ? REMOVE_LOG : DONE;
    case REMOVE_LOG: return e->move_is_open ? REMOVE_OTHER_LOG : DONE;
    case REMOVE_OTHER_LOG: return DONE;
    case MOVE_FROM: return e->has_log && e->log_place != e->place ? MOVE_LOG : DONE;
    case MOVE_LOG_FROM: return DONE;
    default: return s->step + 1;
    }
}

static void go(void *arg, const struct disk_answer *a)
{
    struct settling *s = arg;
    struct spool_entry *e = s->entry;
    /* A name that does not exist was moved or removed before. */
    if (a->err && a->err->kind != ERR_NOT_FOUND) {
        store_trouble(s->work.store, a->err, true);
        end(s, a->err);
        return;
    }
    if (s->step == MOVE && e->place != e->move_to)
        spool_index_move(&s->work.store->index, e, e->move_to);
    else if (s->step == MOVE_LOG)
        e->log_place = e->place;
    /* The next step would rely on a sync that proves nothing. */
    if (s->troubles != s->work.store->troubles) {
        struct err err;
        err_set(&err, ERR_SYSTEM, "another call has failed meanwhile");
        end(s, &err);
        return;
    }
    s->step = next_step(s);
    if (s->step == DONE && !e->is_gone)
        e->move_is_open = false;
    make(s);
}

static void log_is_written(void *arg, const struct err *err)
{
    struct settling *s = arg;
    struct spool_entry *e = s->entry;
    if (err) {
        end(s, err);
        return;
    }
    release_bounces(s->work.store, e);
    if (e->place == store_place_of(e) && (!e->has_log || e->log_place == e->place)) {
        end(s, NULL);
        return;
    }
    e->move_to = store_place_of(e);
    e->move_is_open = true;
    begin(s);
}

static void begin(struct settling *s)
{
    struct spool_entry *e = s->entry;
    if (e->is_gone || e->move_is_open) {
        s->has_moved = !e->is_gone;
        s->step = e->is_gone ? REMOVE : MOVE;
        make(s);
        return;
    }
    store_log_write(s->work.store, e, true, log_is_written, s);
}

void store_settle(struct store *store, struct spool_entry *entry, store_done *fn, void *arg)
{
    struct settling *s = NEW(struct settling);
    struct err err;
    work_begin(store, &s->work, destroy);
    s->entry = entry;
    s->troubles = store->troubles;
    s->fn = fn;
    s->arg = arg;
    if (store->is_broken) {
        err_set(&err, ERR_SYSTEM, "the spool's disk can't be written");
        end(s, &err);
        return;
    }
    begin(s);
}
