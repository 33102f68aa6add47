/* Appends to the log beside a message. After a failed write or sync it is not known what the file
 * holds behind the good lines. The next write makes a new file of the good lines and of those that
 * are still to be written, and replaces the old one. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "spool/store_private.h"

enum step {
    OPEN,
    WRITE,
    SYNC,
    SYNC_NAME,
    CLEAR,
    OPEN_OLD,
    READ_OLD,
    CREATE,
    WRITE_NEW,
    SYNC_NEW,
    PUT
};

struct log_write {
    struct work work;
    struct spool_entry *entry;
    enum step step;
    bool sync;
    struct buf text;
    size_t owed;
    /* The store's count at the beginning. */
    uint64_t troubles;
    store_done *fn;
    void *arg;
};

static void go(void *arg, const struct disk_answer *a);

static void destroy(struct work *work)
{
    struct log_write *w = CONTAINER(work, struct log_write, work);
    buf_free(&w->text);
    free(w);
}

void store_owe(struct spool_entry *entry, struct slice lines)
{
    if (!entry->owed) {
        entry->owed = NEW(struct buf);
        buf_init(entry->owed, CAP_SPOOL_LOG);
    }
    /* Beyond the cap the line is in memory only. */
    if (!buf_append_slice(entry->owed, lines))
        entry->log_is_bad = true;
}

static void end(struct log_write *w, const struct err *err)
{
    store_done *fn = w->fn;
    void *arg = w->arg;
    struct spool_entry *e = w->entry;
    struct err kept;
    if (err) {
        kept = *err;
        e->log_is_bad = true;
        store_trouble(w->work.store, err, w->step == SYNC_NAME);
    } else {
        e->log_size = w->step == SYNC_NAME && e->log_is_bad ? w->owed : e->log_size + w->owed;
        e->log_is_bad = false;
        buf_free(e->owed);
        free(e->owed);
        e->owed = NULL;
    }
    work_end(&w->work);
    fn(arg, err ? &kept : NULL);
}

static struct disk_directory *place(struct log_write *w)
{
    return w->work.store->places[w->entry->log_place];
}

static void sync_name(struct log_write *w)
{
    w->step = SYNC_NAME;
    disk_sync_directory(w->work.store->disk, place(w), go, w);
}

static void create(struct log_write *w)
{
    w->step = CREATE;
    disk_close(w->work.store->disk, &w->work.file);
    disk_create(w->work.store->disk, place(w), store_name(w->entry->id, ".log.new"), go, w);
}

/* The steps of a plain append. Returns true when all are done. */
static bool append_goes_on(struct log_write *w)
{
    struct disk *disk = w->work.store->disk;
    switch (w->step) {
    case OPEN:
        w->entry->has_log = true;
        w->step = WRITE;
        disk_append(disk, w->work.file, &w->text, go, w);
        return false;
    case WRITE:
        if (!w->sync)
            return true;
        w->step = SYNC;
        disk_sync(disk, w->work.file, go, w);
        return false;
    case SYNC:
        if (w->entry->log_is_durable)
            return true;
        sync_name(w);
        return false;
    default: w->entry->log_is_durable = true; return true;
    }
}

/* The steps of a new file, which ends with SYNC_NAME. */
static void rewrite_goes_on(struct log_write *w, const struct disk_answer *a)
{
    struct disk *disk = w->work.store->disk;
    struct spool_entry *e = w->entry;
    switch (w->step) {
    case CLEAR:
        if (e->log_size == 0) {
            create(w);
            break;
        }
        w->step = OPEN_OLD;
        disk_open(disk, place(w), store_name(e->id, ".log"), go, w);
        break;
    case OPEN_OLD:
    case READ_OLD:
        if (!buf_append_slice(&w->text, a->data))
            abort();
        w->step = READ_OLD;
        if (w->text.len < e->log_size)
            disk_read(disk, w->work.file, w->text.len, (size_t)(e->log_size - w->text.len), go, w);
        else
            create(w);
        break;
    case CREATE:
        if (e->owed && !buf_append_slice(&w->text, buf_view(e->owed)))
            abort();
        w->owed = w->text.len;
        w->step = WRITE_NEW;
        disk_append(disk, w->work.file, &w->text, go, w);
        break;
    case WRITE_NEW:
        w->step = SYNC_NEW;
        disk_sync(disk, w->work.file, go, w);
        break;
    case SYNC_NEW:
        w->step = PUT;
        char new_name[SPOOL_ID_SIZE + 16];
        buf_clear(&w->text);
        snprintf(new_name, sizeof new_name, "%s", store_name(e->id, ".log.new"));
        disk_rename(disk, place(w), new_name, place(w), store_name(e->id, ".log"), go, w);
        break;
    default:
        e->has_log = true;
        sync_name(w);
        break;
    }
}

static void go(void *arg, const struct disk_answer *a)
{
    struct log_write *w = arg;
    struct err err;
    if (a->file)
        w->work.file = a->file;
    bool rewrites = w->step >= CLEAR;
    if (w->step == CLEAR && a->err && a->err->kind == ERR_NOT_FOUND) {
        rewrite_goes_on(w, a);
    } else if (a->err) {
        end(w, a->err);
    } else if ((w->step == OPEN && a->size != w->entry->log_size) ||
               (w->step == READ_OLD && a->data.len == 0)) {
        err_set(&err, ERR_PROTOCOL, "%s.log was changed by somebody else", w->entry->id);
        end(w, &err);
    } else if (rewrites) {
        rewrite_goes_on(w, a);
    } else if (w->step == SYNC_NAME && w->troubles != w->work.store->troubles) {
        err_set(&err, ERR_SYSTEM, "another sync of the directory has failed");
        end(w, &err);
    } else if (append_goes_on(w)) {
        end(w, NULL);
    }
}

void store_log_write(struct store *store, struct spool_entry *entry, bool sync, store_done *fn,
                     void *arg)
{
    if (!entry->owed) {
        fn(arg, NULL);
        return;
    }
    struct log_write *w = NEW(struct log_write);
    work_begin(store, &w->work, destroy);
    w->entry = entry;
    w->troubles = store->troubles;
    w->sync = sync;
    w->fn = fn;
    w->arg = arg;
    buf_init(&w->text, 2 * CAP_SPOOL_LOG);
    if (entry->log_is_bad) {
        w->step = CLEAR;
        disk_unlink(store->disk, place(w), store_name(entry->id, ".log.new"), go, w);
        return;
    }
    w->owed = entry->owed->len;
    if (!buf_append_slice(&w->text, buf_view(entry->owed)))
        abort();
    w->step = OPEN;
    disk_open_log(store->disk, place(w), store_name(entry->id, ".log"), go, w);
}
