/* The disk's calls, their queue and the sharing of directory syncs; no system call is here. */
#include "io/disk.h"

#include <stdlib.h>

#include "base/caps.h"
#include "base/mem.h"
#include "io/disk_internal.h"

struct disk {
    struct loop *loop;
    /* NULL in blocking mode. */
    struct disk_carrier *carrier;
    size_t octets;
};

struct disk *disk_new(struct loop *loop)
{
    struct disk *disk = NEW(struct disk);
    disk->loop = loop;
    return disk;
}

int disk_start(struct disk *disk, struct err *err)
{
    disk->carrier = disk_carrier_new(disk, disk->loop, err);
    return disk->carrier ? 0 : -1;
}

void disk_free(struct disk **disk)
{
    if (!*disk)
        return;
    disk_carrier_free(&(*disk)->carrier);
    free(*disk);
    *disk = NULL;
}

size_t disk_octets(const struct disk *disk)
{
    return disk->octets;
}

bool disk_is_busy(const struct disk *disk)
{
    return disk->octets > CAP_DISK_BUSY;
}

/* ---- the queue ---- */

void disk_queue_init(struct disk_queue *q)
{
    link_init(&q->waiting);
    link_init(&q->batch);
    link_init(&q->syncs);
}

void disk_queue_push(struct disk_queue *q, struct disk_call *call)
{
    list_push_back(&q->waiting, &call->link);
}

static struct disk_call *first_of(struct link *list)
{
    struct disk_call *call = CONTAINER(list->next, struct disk_call, link);
    link_remove(&call->link);
    return call;
}

static void move_all(struct link *from, struct link *to)
{
    while (!link_is_alone(from))
        list_push_back(to, &first_of(from)->link);
}

/* The first sync that waits, and with it all others of its directory. */
static struct disk_call *pick_sync(struct disk_queue *q)
{
    struct disk_call *first = first_of(&q->syncs);
    LIST_EACH (&q->syncs, it) {
        struct disk_call *other = CONTAINER(it, struct disk_call, link);
        if (other->dir != first->dir)
            continue;
        link_remove(it);
        list_push_back(&first->joined, it);
    }
    return first;
}

struct disk_call *disk_queue_pick(struct disk_queue *q)
{
    for (;;) {
        if (link_is_alone(&q->batch)) {
            if (!link_is_alone(&q->syncs))
                return pick_sync(q);
            if (link_is_alone(&q->waiting))
                return NULL;
            move_all(&q->waiting, &q->batch);
        }
        struct disk_call *call = first_of(&q->batch);
        if (call->what != DISK_SYNC_DIRECTORY)
            return call;
        list_push_back(&q->syncs, &call->link);
    }
}

static void drop(struct disk_call *call)
{
    if (call->what == DISK_CLOSE)
        disk_perform(call);
    disk_call_free(call);
}

void disk_queue_drop(struct disk_queue *q)
{
    move_all(&q->batch, &q->syncs);
    move_all(&q->waiting, &q->syncs);
    while (!link_is_alone(&q->syncs))
        drop(first_of(&q->syncs));
}

/* ---- calls ---- */

void disk_call_free(struct disk_call *call)
{
    while (!link_is_alone(&call->joined))
        disk_call_free(first_of(&call->joined));
    for (size_t i = 0; i < call->answer.nnames; i++)
        free(call->names[i].name);
    free(call->names);
    free(call->name);
    free(call->new_name);
    buf_free(&call->octets);
    free(call);
}

void disk_finish(struct disk *disk, struct disk_call *call)
{
    if (call->what == DISK_APPEND)
        disk->octets -= call->len;
    call->answer.err = call->failed ? &call->err : NULL;
    call->answer.names = call->names;
    if (call->what == DISK_READ)
        call->answer.data = buf_view(&call->octets);
    if (call->fn)
        call->fn(call->arg, &call->answer);
    while (!link_is_alone(&call->joined)) {
        struct disk_call *other = first_of(&call->joined);
        if (other->fn)
            other->fn(other->arg, &call->answer);
        disk_call_free(other);
    }
    disk_call_free(call);
}

static struct disk_call *call_new(enum disk_what what, struct disk_directory *dir, const char *name,
                                  struct disk_file *file, disk_fn *fn, void *arg)
{
    struct disk_call *call = NEW(struct disk_call);
    call->what = what;
    call->dir = dir;
    call->name = name ? mem_string(name) : NULL;
    call->file = file;
    call->fn = fn;
    call->arg = arg;
    link_init(&call->link);
    link_init(&call->joined);
    return call;
}

static void make(struct disk *disk, struct disk_call *call)
{
    if (disk->carrier) {
        disk_carrier_push(disk->carrier, call);
        return;
    }
    disk_perform_at_once(disk, call);
    disk_finish(disk, call);
}

void disk_create(struct disk *disk, struct disk_directory *dir, const char *name, disk_fn *fn,
                 void *arg)
{
    make(disk, call_new(DISK_CREATE, dir, name, NULL, fn, arg));
}

void disk_create_unnamed(struct disk *disk, struct disk_directory *dir, disk_fn *fn, void *arg)
{
    make(disk, call_new(DISK_CREATE_UNNAMED, dir, NULL, NULL, fn, arg));
}

void disk_open(struct disk *disk, struct disk_directory *dir, const char *name, disk_fn *fn,
               void *arg)
{
    make(disk, call_new(DISK_OPEN, dir, name, NULL, fn, arg));
}

void disk_open_log(struct disk *disk, struct disk_directory *dir, const char *name, disk_fn *fn,
                   void *arg)
{
    make(disk, call_new(DISK_OPEN_LOG, dir, name, NULL, fn, arg));
}

void disk_append(struct disk *disk, struct disk_file *file, struct buf *octets, disk_fn *fn,
                 void *arg)
{
    struct disk_call *call = call_new(DISK_APPEND, NULL, NULL, file, fn, arg);
    call->octets = *octets;
    call->len = octets->len;
    buf_init(octets, octets->cap);
    disk->octets += call->len;
    if (disk->octets > CAP_DISK_OCTETS) {
        call->failed = true;
        err_set(&call->err, ERR_FULL, "more waits for the disk than memory is kept for");
    }
    make(disk, call);
}

void disk_sync(struct disk *disk, struct disk_file *file, disk_fn *fn, void *arg)
{
    make(disk, call_new(DISK_SYNC, NULL, NULL, file, fn, arg));
}

void disk_read(struct disk *disk, struct disk_file *file, uint64_t offset, size_t len, disk_fn *fn,
               void *arg)
{
    struct disk_call *call = call_new(DISK_READ, NULL, NULL, file, fn, arg);
    call->offset = offset;
    call->len = len < CAP_DISK_CHUNK ? len : CAP_DISK_CHUNK;
    buf_init(&call->octets, CAP_DISK_CHUNK);
    make(disk, call);
}

void disk_cut(struct disk *disk, struct disk_file *file, uint64_t size, disk_fn *fn, void *arg)
{
    struct disk_call *call = call_new(DISK_CUT, NULL, NULL, file, fn, arg);
    call->offset = size;
    make(disk, call);
}

void disk_close(struct disk *disk, struct disk_file **file)
{
    struct disk_file *f = *file;
    *file = NULL;
    if (f)
        make(disk, call_new(DISK_CLOSE, NULL, NULL, f, NULL, NULL));
}

void disk_rename(struct disk *disk, struct disk_directory *from, const char *name,
                 struct disk_directory *to, const char *new_name, disk_fn *fn, void *arg)
{
    struct disk_call *call = call_new(DISK_RENAME, from, name, NULL, fn, arg);
    call->to = to;
    call->new_name = mem_string(new_name);
    make(disk, call);
}

void disk_unlink(struct disk *disk, struct disk_directory *dir, const char *name, disk_fn *fn,
                 void *arg)
{
    make(disk, call_new(DISK_UNLINK, dir, name, NULL, fn, arg));
}

void disk_sync_directory(struct disk *disk, struct disk_directory *dir, disk_fn *fn, void *arg)
{
    make(disk, call_new(DISK_SYNC_DIRECTORY, dir, NULL, NULL, fn, arg));
}

void disk_list(struct disk *disk, struct disk_directory *dir, disk_fn *fn, void *arg)
{
    make(disk, call_new(DISK_LIST, dir, NULL, NULL, fn, arg));
}

void disk_room(struct disk *disk, struct disk_directory *dir, disk_fn *fn, void *arg)
{
    make(disk, call_new(DISK_ROOM, dir, NULL, NULL, fn, arg));
}

void disk_lock(struct disk *disk, struct disk_directory *dir, const char *name, disk_fn *fn,
               void *arg)
{
    make(disk, call_new(DISK_LOCK, dir, name, NULL, fn, arg));
}
