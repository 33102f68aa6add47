/* The store as a whole: its directory, its trust in the disk, its clock and its tick. */
#include "spool/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "spool/store_private.h"

void work_begin(struct store *store, struct work *work, void (*destroy)(struct work *work))
{
    work->store = store;
    work->destroy = destroy;
    list_push_back(&store->works, &work->link);
}

void work_end(struct work *work)
{
    link_remove(&work->link);
    disk_close(work->store->disk, &work->file);
    work->destroy(work);
}

const char *store_name(const char *id, const char *suffix)
{
    static _Thread_local char names[4][SPOOL_ID_SIZE + 16];
    static _Thread_local unsigned next;
    char *name = names[next++ % 4];
    snprintf(name, sizeof names[0], "%s%s", id, suffix);
    return name;
}

void store_ready(struct store *store, struct spool_entry *entry)
{
    if (store->watch.ready)
        store->watch.ready(store->watch.ctx, entry);
}

void store_forget(struct store *store, struct spool_entry *entry)
{
    if (store->watch.gone)
        store->watch.gone(store->watch.ctx, entry);
    spool_index_remove(&store->index, entry);
}

void store_quarantine(struct store *store, struct spool_entry *entry, const char *why)
{
    struct disk *disk = store->disk;
    struct disk_directory *from = store->places[entry->place];
    const char *log = store_name(entry->id, ".log");
    log_event(store->io->log, LOG_ERROR, "corrupt", log_str("id", entry->id), log_str("why", why),
              log_str("cure", "the file is in corrupt/ of the spool"));
    disk_rename(disk, from, entry->id, store->corrupt, entry->id, NULL, NULL);
    if (entry->has_log)
        disk_rename(disk, store->places[entry->log_place], log, store->corrupt, log, NULL, NULL);
    disk_sync_directory(disk, store->corrupt, store_sync_ended, store);
    disk_sync_directory(disk, store->places[PLACE_QUEUE], store_sync_ended, store);
    disk_sync_directory(disk, store->places[PLACE_FAILED], store_sync_ended, store);
    store->ncorrupt++;
    store->nquarantined++;
    store_forget(store, entry);
}

/* ---- trust ---- */

struct probe {
    struct work work;
    enum { CLEAR, CREATE, WRITE, SYNC, UNLINK, SYNC_NAME } step;
    /* For queue/, failed/ and corrupt/. A directory that could not be synced is written again as a
     * whole when its names change. */
    unsigned place;
};

static const char probe_name[] = "probe.new";

static void probe_destroy(struct work *work)
{
    free(CONTAINER(work, struct probe, work));
}

static void probe_end(struct probe *p, const struct err *err)
{
    struct store *store = p->work.store;
    work_end(&p->work);
    store->is_probing = false;
    if (err)
        store->troubles++;
    store->is_broken = err != NULL;
    if (!err)
        log_say(store->io->log, LOG_INFO, "the spool's disk can be written again");
}

static void probe_goes_on(void *arg, const struct disk_answer *a)
{
    struct probe *p = arg;
    struct store *store = p->work.store;
    struct disk_directory *dir = p->place < 2 ? store->places[p->place] : store->corrupt;
    struct buf b;
    if (a->file)
        p->work.file = a->file;
    if (a->err && !(p->step == CLEAR && a->err->kind == ERR_NOT_FOUND)) {
        probe_end(p, a->err);
        return;
    }
    switch (p->step) {
    case CLEAR:
        p->step = CREATE;
        disk_create(store->disk, dir, probe_name, probe_goes_on, p);
        return;
    case CREATE:
        buf_init(&b, 64);
        p->step = WRITE;
        if (!buf_printf(&b, "can this disk be written?\n"))
            abort();
        disk_append(store->disk, p->work.file, &b, probe_goes_on, p);
        return;
    case WRITE:
        p->step = SYNC;
        disk_sync(store->disk, p->work.file, probe_goes_on, p);
        return;
    case SYNC:
        p->step = UNLINK;
        disk_unlink(store->disk, dir, probe_name, probe_goes_on, p);
        return;
    case UNLINK:
        p->step = SYNC_NAME;
        disk_close(store->disk, &p->work.file);
        disk_sync_directory(store->disk, dir, probe_goes_on, p);
        return;
    case SYNC_NAME:
        if (++p->place == 3) {
            probe_end(p, NULL);
            return;
        }
        p->step = CLEAR;
        dir = p->place < 2 ? store->places[p->place] : store->corrupt;
        disk_unlink(store->disk, dir, probe_name, probe_goes_on, p);
        return;
    }
}

static void probe(struct store *store)
{
    if (store->is_probing || !store->is_broken)
        return;
    struct probe *p = NEW(struct probe);
    store->is_probing = true;
    work_begin(store, &p->work, probe_destroy);
    disk_unlink(store->disk, store->places[PLACE_QUEUE], probe_name, probe_goes_on, p);
}

void store_sync_ended(void *arg, const struct disk_answer *answer)
{
    if (answer->err)
        store_trouble(arg, answer->err, true);
}

void store_trouble(struct store *store, const struct err *err, bool was_directory_sync)
{
    if (err->kind == ERR_NOT_FOUND || err->kind == ERR_EXISTS ||
        (err->kind == ERR_FULL && !was_directory_sync))
        return;
    store->troubles++;
    if (store->is_broken)
        return;
    store->is_broken = true;
    store->broken_by = *err;
    char words[STORE_FULL_WORDS];
    store_full_words(store, STORE_NO_TRUST, words, sizeof words);
    log_say(store->io->log, LOG_ERROR, "%s", words);
}

/* ---- the clock's file ---- */

struct clock_write {
    struct work work;
    enum { C_CLEAR, C_CREATE, C_WRITE, C_SYNC, C_PUT, C_SYNC_NAME } step;
};

static void clock_destroy(struct work *work)
{
    free(CONTAINER(work, struct clock_write, work));
}

/* After an error the next tick tries again, because the wall clock may have jumped. */
static void clock_goes_on(void *arg, const struct disk_answer *a)
{
    struct clock_write *c = arg;
    struct store *store = c->work.store;
    struct buf b;
    if (a->file)
        c->work.file = a->file;
    if (c->step == C_SYNC_NAME || (a->err && c->step != C_CLEAR)) {
        store->writes_clock = false;
        if (a->err)
            store->clock_written = 0;
        work_end(&c->work);
        return;
    }
    switch (c->step++) {
    case C_CLEAR: disk_create(store->disk, store->top, "clock.new", clock_goes_on, c); return;
    case C_CREATE:
        buf_init(&b, 100);
        if (!spool_clock_write(&store->clock, &b, loop_now(store->io->loop),
                               loop_wall_ms(store->io->loop)))
            abort();
        disk_append(store->disk, c->work.file, &b, clock_goes_on, c);
        return;
    case C_WRITE: disk_sync(store->disk, c->work.file, clock_goes_on, c); return;
    case C_SYNC:
        disk_rename(store->disk, store->top, "clock.new", store->top, "clock", clock_goes_on, c);
        return;
    default: disk_sync_directory(store->disk, store->top, clock_goes_on, c); return;
    }
}

/* If the wall clock was set, that must be written at once. Otherwise its jump would count as time
 * off at the next start. */
static void watch_wall_clock(struct store *store)
{
    const struct loop *loop = store->io->loop;
    usec ahead = loop_wall_ms(loop) * USEC_PER_MS - loop_now(loop);
    usec by = ahead - store->wall_ahead;
    store->wall_ahead = ahead;
    if (by > STORE_CLOCK_JUMP || by < -STORE_CLOCK_JUMP)
        store->clock_written = 0;
}

static void write_clock(struct store *store)
{
    usec now = loop_now(store->io->loop);
    watch_wall_clock(store);
    if (store->writes_clock || store->index.counts[PLACE_QUEUE] == 0 ||
        (store->clock_written && now - store->clock_written < STORE_CLOCK_EVERY))
        return;
    struct clock_write *c = NEW(struct clock_write);
    store->clock_written = now;
    store->writes_clock = true;
    work_begin(store, &c->work, clock_destroy);
    disk_unlink(store->disk, store->top, "clock.new", clock_goes_on, c);
}

void store_note_clock(struct store *store)
{
    store->clock_written = 0;
    write_clock(store);
}

/* ---- every ten seconds ---- */

static void settle_all(struct store *store)
{
    if (!store->has_unsettled || store->is_broken)
        return;
    store->has_unsettled = false;
    for (int place = PLACE_QUEUE; place <= PLACE_FAILED; place++)
        LIST_EACH (&store->index.lists[place], it) {
            struct spool_entry *entry = CONTAINER(it, struct spool_entry, link);
            if (store_is_settled(entry))
                continue;
            /* It is open, so its next outcome settles it. */
            store->has_unsettled = true;
            if (entry->is_busy)
                continue;
            entry->is_busy = true;
            store_settle(store, entry, NULL, NULL);
        }
}

/* Removes the oldest failed message if it is too old, or if failed/ takes more than its tenth. */
static void prune(struct store *store)
{
    uint64_t left = store->index.octets[PLACE_FAILED];
    unsigned budget = 100;
    LIST_EACH (&store->index.lists[PLACE_FAILED], it) {
        struct spool_entry *entry = CONTAINER(it, struct spool_entry, link);
        bool is_old = store_now(store) - entry->failed_at > store->settings.failed_age;
        if ((!is_old && left <= store->settings.max_size / 10) || budget-- == 0)
            return;
        left -= entry->size;
        if (entry->is_busy)
            continue;
        log_event(store->io->log, LOG_WARN, "a failed message is removed from the spool",
                  log_str("id", entry->id),
                  log_str("why", is_old ? "older than failed_age"
                                        : "failed messages take more than a tenth of max_size"));
        entry->is_busy = entry->is_gone = true;
        store_settle(store, entry, NULL, NULL);
    }
}

static void on_tick(void *arg)
{
    struct store *store = arg;
    timer_arm(store->tick, STORE_TICK);
    probe(store);
    write_clock(store);
    settle_all(store);
    prune(store);
    store_ask_room(store);
}

/* ---- life ---- */

static int open_directory(struct store *store, const char *name, struct disk_directory **dir_r,
                          struct err *err)
{
    char *path = mem_alloc(strlen(store->directory) + strlen(name) + 2);
    sprintf(path, "%s%s%s", store->directory, *name ? "/" : "", name);
    int result = disk_directory_open(store->disk, path, true, dir_r, err);
    free(path);
    return result;
}

static int open_directories(struct store *store, struct err *err)
{
    return open_directory(store, "", &store->top, err) < 0 ||
                   open_directory(store, "queue", &store->places[PLACE_QUEUE], err) < 0 ||
                   open_directory(store, "failed", &store->places[PLACE_FAILED], err) < 0 ||
                   open_directory(store, "corrupt", &store->corrupt, err) < 0
               ? -1
               : 0;
}

void store_set(struct store *store, const struct spool_settings *settings)
{
    store->settings = *settings;
    store->settings.directory = store->directory;
}

struct store *store_open(const struct io *io, const struct spool_settings *settings,
                         struct err *err)
{
    struct store *store = NEW(struct store);
    store->io = io;
    store->directory = mem_string(settings->directory);
    store_set(store, settings);
    store->disk = disk_new(io->loop);
    spool_index_init(&store->index);
    link_init(&store->works);
    store->tick = timer_new(io->loop, on_tick, store);
    if (open_directories(store, err) < 0 || store_scan(store, err) < 0) {
        store_close(&store);
        return NULL;
    }
    store_ask_room(store);
    return store;
}

int store_start(struct store *store, struct err *err)
{
    if (disk_start(store->disk, err) < 0)
        return -1;
    timer_arm(store->tick, 0);
    return 0;
}

void store_close(struct store **store_p)
{
    struct store *store = *store_p;
    *store_p = NULL;
    if (!store)
        return;
    timer_free(&store->tick);
    while (!link_is_alone(&store->works))
        work_end(CONTAINER(store->works.next, struct work, link));
    disk_close(store->disk, &store->lock);
    disk_free(&store->disk);
    disk_directory_close(&store->top);
    disk_directory_close(&store->places[PLACE_QUEUE]);
    disk_directory_close(&store->places[PLACE_FAILED]);
    disk_directory_close(&store->corrupt);
    spool_index_free(&store->index);
    free(store->directory);
    free(store);
}

bool store_is_idle(const struct store *store)
{
    return link_is_alone(&store->works);
}

void store_set_watch(struct store *store, const struct store_watch *watch)
{
    store->watch = *watch;
}

const struct spool_index *store_index(const struct store *store)
{
    return &store->index;
}

struct spool_entry *store_find(const struct store *store, const char *id)
{
    return spool_index_find(&store->index, id);
}

usec store_now(const struct store *store)
{
    return spool_clock_now(&store->clock, loop_now(store->io->loop));
}

size_t store_receiving(const struct store *store)
{
    return store->receiving;
}

size_t store_corrupt(const struct store *store)
{
    return store->ncorrupt;
}

const char *store_directory(const struct store *store)
{
    return store->directory;
}
