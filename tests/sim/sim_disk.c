/* io/disk's calls on the simulated medium, and what carries them: one at a time, each taking its
 * virtual time. */
#include "sim_disk.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/disk_internal.h"
#include "sim_medium.h"

struct disk_directory {
    struct sim_medium *m;
    struct sim_folder *folder;
};

struct disk_file {
    struct sim_medium *m;
    struct sim_inode *inode;
    bool locks;
};

int disk_directory_open(struct disk *disk, const char *path, bool make,
                        struct disk_directory **dir_r, struct err *err)
{
    struct sim_medium *m = sim_medium(sim_current());
    struct sim_folder *f = make ? sim_folder_make(m, path) : sim_folder_find(m, path);
    (void)disk;
    if (!f) {
        err_set(err, ERR_NOT_FOUND, "open %s: no such directory", path);
        return -1;
    }
    *dir_r = NEW(struct disk_directory);
    **dir_r = (struct disk_directory){m, f};
    return 0;
}

void disk_directory_close(struct disk_directory **dir)
{
    free(*dir);
    *dir = NULL;
}

static void fail(struct disk_call *call, enum err_kind kind, const char *words)
{
    call->failed = true;
    err_set(&call->err, kind, "%s: %s", call->name ? call->name : "a file", words);
}

/* by the faults' chance per thousand */
static bool is_hit(struct sim_medium *m, unsigned chance)
{
    return chance && sim_rng_below(&m->sim->disk_rng, 1000) < chance;
}

static void open_inode(struct disk_call *call, struct sim_inode *inode)
{
    call->answer.size = inode->len;
    call->answer.file = NEW(struct disk_file);
    *call->answer.file = (struct disk_file){call->dir->m, inode, false};
}

static void open_file(struct disk_call *call)
{
    struct sim_medium *m = call->dir->m;
    struct sim_entry *e = sim_entry_find(&call->dir->folder->now, call->name);
    bool makes = call->what != DISK_OPEN;
    if (e && call->what == DISK_CREATE) {
        fail(call, ERR_EXISTS, "file exists");
    } else if (!e && !makes) {
        fail(call, ERR_NOT_FOUND, "no such file");
    } else if (!e && m->faults.full) {
        fail(call, ERR_FULL, "no space left on device");
    } else if (is_hit(m, m->faults.reads)) {
        fail(call, ERR_SYSTEM, "input/output error");
    } else if (e) {
        open_inode(call, e->inode);
    } else {
        struct sim_inode *inode = sim_inode_new(m);
        sim_folder_add(m, call->dir->folder, call->name, inode);
        open_inode(call, inode);
    }
}

/* On no folder's list. */
static void create_unnamed(struct disk_call *call)
{
    struct sim_medium *m = call->dir->m;
    if (m->faults.full)
        fail(call, ERR_FULL, "no space left on device");
    else if (is_hit(m, m->faults.reads))
        fail(call, ERR_SYSTEM, "input/output error");
    else
        open_inode(call, sim_inode_new(m));
}

static void append(struct disk_call *call)
{
    struct sim_medium *m = call->file->m;
    struct slice octets = buf_view(&call->octets);
    bool hit = is_hit(m, m->faults.writes);
    if (m->faults.full || hit) {
        octets = slice_head(octets, sim_rng_below(&m->sim->disk_rng, octets.len + 1));
        fail(call, m->faults.full || sim_rng_chance(&m->sim->disk_rng, 50) ? ERR_FULL : ERR_SYSTEM,
             "the write failed");
    }
    sim_inode_append(call->file->inode, octets.data, octets.len);
}

static void sync_file(struct disk_call *call)
{
    struct sim_medium *m = call->file->m;
    m->syncs++;
    if (is_hit(m, m->faults.syncs)) {
        call->file->inode->poisoned = true;
        fail(call, ERR_SYSTEM, "input/output error");
    } else if (!m->faults.no_sync) {
        sim_inode_sync(call->file->inode);
    }
}

static void sync_directory(struct disk_call *call)
{
    struct sim_medium *m = call->dir->m;
    m->directory_syncs++;
    if (is_hit(m, m->faults.directory_syncs)) {
        sim_folder_lose(m, call->dir->folder);
        fail(call, ERR_SYSTEM, "input/output error");
    } else if (!m->faults.no_directory_sync) {
        sim_folder_sync(m, call->dir->folder);
    }
}

static void change_name(struct disk_call *call)
{
    struct sim_medium *m = call->dir->m;
    struct sim_entry *e = sim_entry_find(&call->dir->folder->now, call->name);
    if (!e) {
        fail(call, ERR_NOT_FOUND, "no such file");
        return;
    }
    if (is_hit(m, m->faults.renames)) {
        fail(call, ERR_SYSTEM, "input/output error");
        /* it may have happened all the same */
        if (sim_rng_chance(&m->sim->disk_rng, 50))
            return;
    }
    uint64_t added = 0;
    if (call->what == DISK_RENAME)
        added = sim_folder_add(m, call->to->folder, call->new_name, e->inode);
    sim_folder_remove(m, call->dir->folder, call->name, added);
}

static void read_some(struct disk_call *call)
{
    const struct sim_inode *inode = call->file->inode;
    struct slice all = slice_make(inode->data, inode->len);
    if (is_hit(call->file->m, call->file->m->faults.reads)) {
        fail(call, ERR_SYSTEM, "input/output error");
        return;
    }
    struct slice part = slice_head(slice_from(all, call->offset), call->len);
    if (!buf_append_slice(&call->octets, part))
        abort();
}

bool disk_read_now(const struct disk_file *file, uint64_t offset, char *out, size_t n)
{
    if (is_hit(file->m, file->m->faults.reads) || offset + n > file->inode->len)
        return false;
    memcpy(out, file->inode->data + offset, n);
    return true;
}

static void list(struct disk_call *call)
{
    size_t n = 0;
    LIST_EACH (&call->dir->folder->now, it) {
        const struct sim_entry *e = CONTAINER(it, struct sim_entry, link);
        call->names = mem_resize(call->names, (n + 1) * sizeof *call->names);
        call->names[n++] = (struct disk_name){mem_string(e->name), e->inode->len};
    }
    call->answer.nnames = n;
}

static void lock(struct disk_call *call)
{
    open_file(call);
    if (call->failed)
        return;
    struct disk_file *file = call->answer.file;
    if (!file->inode->locked) {
        file->inode->locked = file->locks = true;
        return;
    }
    free(file);
    call->answer.file = NULL;
    fail(call, ERR_IN_USE, "somebody else holds the lock");
}

static void close_file(struct disk_call *call)
{
    if (call->file->locks)
        call->file->inode->locked = false;
    free(call->file);
}

static void perform(struct disk_call *call);

void disk_perform(struct disk_call *call)
{
    static const char *const names[] = {"create", "create unnamed", "open", "open log", "append",
                                        "sync",   "read",           "cut",  "close",    "rename",
                                        "unlink", "sync directory", "list", "room",     "lock"};
    perform(call);
    struct sim_medium *m = call->dir ? call->dir->m : NULL;
    if (m && sim_is_verbose(m->sim))
        sim_say(m->sim, "disk   %s %s/%s %s%s", names[call->what], call->dir->folder->path,
                call->name ? call->name : "", call->new_name ? call->new_name : "",
                call->failed ? " FAILED" : "");
}

static void perform(struct disk_call *call)
{
    if (call->failed)
        return;
    switch (call->what) {
    case DISK_CREATE:
    case DISK_OPEN:
    case DISK_OPEN_LOG: open_file(call); break;
    case DISK_CREATE_UNNAMED: create_unnamed(call); break;
    case DISK_APPEND: append(call); break;
    case DISK_SYNC: sync_file(call); break;
    case DISK_READ: read_some(call); break;
    case DISK_CUT: sim_inode_cut(call->file->inode, call->offset); break;
    case DISK_CLOSE: close_file(call); break;
    case DISK_RENAME:
    case DISK_UNLINK: change_name(call); break;
    case DISK_SYNC_DIRECTORY: sync_directory(call); break;
    case DISK_LIST: list(call); break;
    case DISK_ROOM: call->answer.room = call->dir->m->room; break;
    case DISK_LOCK: lock(call); break;
    }
}

/* The machine stops before this call: of a write any part was made. */
static void stop_within(struct disk_call *call)
{
    if (call->what != DISK_APPEND)
        return;
    struct slice octets = buf_view(&call->octets);
    struct sim_rng *rng = &call->file->m->sim->disk_rng;
    sim_inode_append(call->file->inode, octets.data, sim_rng_below(rng, octets.len + 1));
}

void disk_perform_at_once(struct disk *disk, struct disk_call *call)
{
    struct sim_medium *m = sim_medium(sim_current());
    (void)disk;
    bool runs = !sim_medium_has_stopped(m);
    if (call->what == DISK_CLOSE || !sim_medium_steps(m)) {
        disk_perform(call);
        sim_medium_steps(m);
        return;
    }
    if (runs)
        stop_within(call);
    fail(call, ERR_SYSTEM, "the machine has stopped");
}

/* ---- the carrier ---- */

struct disk_carrier {
    struct disk *disk;
    struct sim_medium *m;
    struct disk_queue queue;
    /* the call that runs; NULL: none */
    struct disk_call *running;
    bool performed;
    struct sim_event event;
};

static void go_on(struct disk_carrier *c)
{
    struct sim_medium *m = c->m;
    if (c->running || !(c->running = disk_queue_pick(&c->queue)))
        return;
    c->performed = false;
    usec slowest = m->faults.slowest ? m->faults.slowest : 200;
    sim_event_arm(m->sim->loop, &c->event,
                  1 + (usec)sim_rng_below(&m->sim->disk_rng, (uint64_t)slowest));
}

static void on_time(void *arg)
{
    struct disk_carrier *c = arg;
    bool ran = !sim_medium_has_stopped(c->m);
    if (c->running->what != DISK_CLOSE && sim_medium_steps(c->m)) {
        if (ran && !c->performed)
            stop_within(c->running);
        return;
    }
    if (!c->performed) {
        disk_perform(c->running);
        c->performed = true;
        sim_event_arm(c->m->sim->loop, &c->event, 1);
        return;
    }
    struct disk_call *call = c->running;
    c->running = NULL;
    go_on(c);
    disk_finish(c->disk, call);
}

struct disk_carrier *disk_carrier_new(struct disk *disk, struct loop *loop, struct err *err)
{
    struct disk_carrier *c = NEW(struct disk_carrier);
    (void)err;
    c->disk = disk;
    c->m = sim_medium(loop->sim);
    disk_queue_init(&c->queue);
    sim_event_init(&c->event, on_time, c);
    return c;
}

void disk_carrier_push(struct disk_carrier *c, struct disk_call *call)
{
    disk_queue_push(&c->queue, call);
    go_on(c);
}

void disk_carrier_free(struct disk_carrier **carrier)
{
    struct disk_carrier *c = *carrier;
    *carrier = NULL;
    if (!c)
        return;
    sim_event_stop(c->m->sim->loop, &c->event);
    if (c->running && c->running->what == DISK_CLOSE && !c->performed)
        disk_perform(c->running);
    if (c->running) {
        free(c->running->answer.file);
        disk_call_free(c->running);
    }
    disk_queue_drop(&c->queue);
    free(c);
}

/* ---- what tests ask ---- */

struct sim_disk_faults *sim_disk_faults(struct sim *sim)
{
    return &sim_medium(sim)->faults;
}

void sim_disk_set_room(struct sim *sim, struct disk_room room)
{
    sim_medium(sim)->room = room;
}

void sim_disk_halt_after(struct sim *sim, uint64_t half_steps)
{
    struct sim_medium *m = sim_medium(sim);
    m->halt_at = half_steps == SIM_NEVER ? SIM_NEVER : m->half_steps + half_steps;
}

bool sim_disk_has_halted(const struct sim *sim)
{
    return sim->medium && sim_medium_has_stopped(sim->medium);
}

uint64_t sim_disk_half_steps(const struct sim *sim)
{
    return sim->medium ? sim->medium->half_steps : 0;
}

unsigned sim_disk_syncs(const struct sim *sim)
{
    return sim->medium ? sim->medium->syncs : 0;
}

unsigned sim_disk_directory_syncs(const struct sim *sim)
{
    return sim->medium ? sim->medium->directory_syncs : 0;
}

size_t sim_disk_count(const struct sim *sim, const char *path)
{
    struct sim_folder *f = sim->medium ? sim_folder_find(sim->medium, path) : NULL;
    size_t n = 0;
    if (f)
        LIST_EACH (&f->now, it)
            n++;
    return n;
}

void sim_disk_put(struct sim *sim, const char *path, const char *name, struct slice octets)
{
    struct sim_medium *m = sim_medium(sim);
    struct sim_folder *f = sim_folder_make(m, path);
    struct sim_inode *inode = sim_inode_new(m);
    sim_inode_append(inode, octets.data, octets.len);
    sim_inode_sync(inode);
    sim_folder_add(m, f, name, inode);
    sim_folder_sync(m, f);
}

bool sim_disk_spoil(struct sim *sim, const char *path, const char *name, uint64_t chance)
{
    struct sim_folder *f = sim->medium ? sim_folder_find(sim->medium, path) : NULL;
    struct sim_entry *e = f ? sim_entry_find(&f->now, name) : NULL;
    if (!e || e->inode->len == 0)
        return false;
    e->inode->data[chance / 8 % e->inode->len] ^= (char)(1 << chance % 8);
    return true;
}

bool sim_disk_get(const struct sim *sim, const char *path, const char *name, struct slice *out_r)
{
    struct sim_folder *f = sim->medium ? sim_folder_find(sim->medium, path) : NULL;
    struct sim_entry *e = f ? sim_entry_find(&f->now, name) : NULL;
    if (e)
        *out_r = slice_make(e->inode->data, e->inode->len);
    return e != NULL;
}

void sim_disk_remove(struct sim *sim, const char *path, const char *name)
{
    struct sim_medium *m = sim_medium(sim);
    struct sim_folder *f = sim_folder_make(m, path);
    sim_folder_remove(m, f, name, 0);
    sim_folder_sync(m, f);
}
