/* The start: lock, format, clock, and every name in queue/ and failed/. A crash may have happened
 * between any two steps, and its traces are cleared up here. Every call returns when it is done,
 * because the disk is in blocking mode. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "spool/crc32c.h"
#include "spool/store_private.h"

#define FORMAT_TEXT "smtp-detour spool 1\n"
/* Enough for the head of a common message. */
enum { FIRST_READ = 4096 };

/* The answer to a call that was made at once. */
struct scan_answer {
    bool failed;
    struct err err;
    struct disk_file *file;
    uint64_t size;
    struct buf octets;
};

static void keep(void *arg, const struct disk_answer *a)
{
    struct scan_answer *r = arg;
    r->failed = a->err != NULL;
    if (a->err)
        r->err = *a->err;
    if (a->file)
        r->file = a->file;
    r->size = a->size;
    if (a->data.len && !buf_append_slice(&r->octets, a->data))
        abort();
}

/* The names that were found for one ID. */
struct found {
    char id[SPOOL_ID_SIZE];
    bool has[2], has_log[2];
};

struct finds {
    struct store *store;
    struct found *all;
    size_t n, size;
    enum spool_place place;
    bool failed;
    struct err err;
};

static bool ends_in(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);
    return n > m && strcmp(name + n - m, suffix) == 0;
}

static void note_name(struct finds *f, const char *name)
{
    struct found one = {.has = {false}};
    bool is_log = ends_in(name, ".log");
    size_t n = strlen(name) - (is_log ? 4 : 0);
    struct store *store = f->store;
    if (ends_in(name, ".new")) {
        disk_unlink(store->disk, store->places[f->place], name, NULL, NULL);
        return;
    }
    if (n >= sizeof one.id)
        return;
    memcpy(one.id, name, n);
    /* A file that is not ours stays where it is. */
    if (!spool_id_is_valid(one.id))
        return;
    (is_log ? one.has_log : one.has)[f->place] = true;
    if (f->n == f->size) {
        f->size = f->size ? f->size * 2 : 64;
        f->all = mem_resize(f->all, f->size * sizeof *f->all);
    }
    f->all[f->n++] = one;
}

static void on_names(void *arg, const struct disk_answer *a)
{
    struct finds *f = arg;
    if (a->err) {
        f->failed = true;
        f->err = *a->err;
        return;
    }
    for (size_t i = 0; i < a->nnames; i++)
        note_name(f, a->names[i].name);
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct found *)a)->id, ((const struct found *)b)->id);
}

static void join_names(struct finds *f)
{
    size_t n = 0;
    if (f->n)
        qsort(f->all, f->n, sizeof *f->all, by_id);
    for (size_t i = 0; i < f->n; i++) {
        if (n == 0 || strcmp(f->all[n - 1].id, f->all[i].id) != 0) {
            f->all[n++] = f->all[i];
            continue;
        }
        for (int place = PLACE_QUEUE; place <= PLACE_FAILED; place++) {
            f->all[n - 1].has[place] |= f->all[i].has[place];
            f->all[n - 1].has_log[place] |= f->all[i].has_log[place];
        }
    }
    f->n = n;
}

/* ---- one message ---- */

enum verdict { GOOD, DAMAGED, UNREADABLE };

static bool read_more(struct store *store, struct scan_answer *r, uint64_t offset, size_t len)
{
    size_t before = r->octets.len;
    disk_read(store->disk, r->file, offset, len, keep, r);
    return !r->failed && r->octets.len > before;
}

static enum verdict read_head(struct store *store, struct scan_answer *r, struct spool_entry *entry,
                              struct spool_envelope *e)
{
    struct spool_tail tail;
    size_t head;
    if (entry->size < SPOOL_TAIL_SIZE)
        return DAMAGED;
    if (!read_more(store, r, entry->size - SPOOL_TAIL_SIZE, SPOOL_TAIL_SIZE))
        return r->failed ? UNREADABLE : DAMAGED;
    if (!spool_tail_parse(buf_view(&r->octets), entry->size, &tail) || tail.head > CAP_SPOOL_HEAD)
        return DAMAGED;
    buf_clear(&r->octets);
    while (r->octets.len < tail.head)
        if (!read_more(store, r, r->octets.len, r->octets.len ? CAP_DISK_CHUNK : FIRST_READ))
            return r->failed ? UNREADABLE : DAMAGED;
    if (spool_head_parse(buf_view(&r->octets), e, &head) != SPOOL_HEAD_OK)
        return DAMAGED;
    if (head == tail.head && strcmp(e->id, entry->id) == 0)
        return GOOD;
    spool_envelope_free(e);
    return DAMAGED;
}

static enum verdict read_message(struct store *store, struct spool_entry *entry,
                                 struct spool_envelope *e)
{
    struct scan_answer r = {.failed = false};
    buf_init(&r.octets, CAP_SPOOL_HEAD + 2 * CAP_DISK_CHUNK);
    disk_open(store->disk, store->places[entry->place], entry->id, keep, &r);
    entry->size = r.size;
    enum verdict v = r.failed ? UNREADABLE : read_head(store, &r, entry, e);
    disk_close(store->disk, &r.file);
    buf_free(&r.octets);
    if (v == UNREADABLE)
        log_say(store->io->log, LOG_ERROR, "the spool can't read a message, which waits: %s",
                r.err.words);
    return v;
}

/* Reads a log up to its first bad line and cuts off the rest. */
static enum verdict read_log(struct store *store, struct spool_entry *entry, enum spool_place place,
                             struct history *h)
{
    struct scan_answer r = {.failed = false};
    buf_init(&r.octets, CAP_SPOOL_LOG + CAP_DISK_CHUNK);
    disk_open(store->disk, store->places[place], store_name(entry->id, ".log"), keep, &r);
    uint64_t size = r.size;
    while (!r.failed && r.octets.len < size && r.octets.len < CAP_SPOOL_LOG)
        if (!read_more(store, &r, r.octets.len, CAP_DISK_CHUNK))
            break;
    if (!r.failed) {
        entry->log_size = history_read(h, entry->id, buf_view(&r.octets));
        if (entry->log_size < size) {
            disk_cut(store->disk, r.file, entry->log_size, keep, &r);
            if (!r.failed)
                disk_sync(store->disk, r.file, keep, &r);
        }
    }
    disk_close(store->disk, &r.file);
    buf_free(&r.octets);
    entry->has_log = entry->log_is_durable = true;
    /* A sync of it may have failed before this start. Then a later sync proves nothing, so the next
     * line goes into a new file. */
    entry->log_is_bad = true;
    entry->log_place = place;
    if (r.failed)
        log_say(store->io->log, LOG_ERROR, "the spool can't read a log, its message waits: %s",
                r.err.words);
    return r.failed ? UNREADABLE : GOOD;
}

/* If there is a log in both places, the longer one is used. */
static enum verdict read_logs(struct store *store, const struct found *found,
                              struct spool_entry *entry, struct history *h)
{
    struct history other;
    struct spool_entry copy = *entry;
    if (!found->has_log[0] && !found->has_log[1])
        return GOOD;
    if (!found->has_log[0] || !found->has_log[1])
        return read_log(store, entry, found->has_log[0] ? PLACE_QUEUE : PLACE_FAILED, h);
    history_init(&other, h->n);
    other.unknown = h->unknown;
    enum verdict v = read_log(store, entry, PLACE_QUEUE, h);
    if (v == GOOD)
        v = read_log(store, &copy, PLACE_FAILED, &other);
    if (v == GOOD && copy.log_size > entry->log_size) {
        struct history swap = *h;
        *h = other;
        other = swap;
        entry->log_size = copy.log_size;
        entry->log_place = PLACE_FAILED;
    }
    history_free(&other);
    if (v == GOOD)
        disk_unlink(store->disk,
                    store->places[entry->log_place == PLACE_QUEUE ? PLACE_FAILED : PLACE_QUEUE],
                    store_name(entry->id, ".log"), NULL, NULL);
    return v;
}

/* One message has a name in both places. The name that the log does not mean is removed. */
static void choose_place(struct store *store, const struct found *found, struct spool_entry *entry)
{
    if (!found->has[0] || !found->has[1])
        return;
    entry->place = store_place_of(entry);
    disk_unlink(store->disk,
                store->places[entry->place == PLACE_QUEUE ? PLACE_FAILED : PLACE_QUEUE], entry->id,
                NULL, NULL);
}

static void take_in(struct store *store, const struct found *found, struct spool_entry *entry,
                    const struct spool_envelope *e, const struct history *h)
{
    entry->sequence = e->sequence;
    entry->account = spool_index_intern(&store->index, e->account);
    entry->queued = e->queued;
    entry->nrecipients = (uint32_t)e->nrecipients;
    entry->bounce = e->bounce;
    entry->is_held = strchr(entry->id, '.') != NULL;
    spool_entry_learn(entry, e, h);
    choose_place(store, found, entry);
    if (e->sequence > store->sequence && e->sequence != UINT64_MAX)
        store->sequence = e->sequence;
    if (e->queued >= store->head_moment.time)
        store->head_moment = (struct spool_moment){e->queued, e->written_ms};
    usec newest = entry->since > entry->failed_at ? entry->since : entry->failed_at;
    if (newest > store->clock.began)
        store->clock.began = newest;
    spool_index_add(&store->index, entry);
}

static void read_found(struct store *store, struct found *found)
{
    struct spool_envelope e;
    struct history h;
    if (!found->has[0] && !found->has[1])
        return;
    struct spool_entry *entry = NEW(struct spool_entry);
    strcpy(entry->id, found->id);
    entry->place = found->has[PLACE_QUEUE] ? PLACE_QUEUE : PLACE_FAILED;
    enum verdict v = read_message(store, entry, &e);
    if (v == GOOD) {
        history_init(&h, e.nrecipients);
        h.unknown = e.unknown;
        v = read_logs(store, found, entry, &h);
        if (v == GOOD)
            take_in(store, found, entry, &e, &h);
        history_free(&h);
        spool_envelope_free(&e);
    } else if (v == DAMAGED) {
        entry->has_log = found->has_log[0] || found->has_log[1];
        entry->log_place = found->has_log[0] ? PLACE_QUEUE : PLACE_FAILED;
        spool_index_add(&store->index, entry);
        store_quarantine(store, entry, "its head or its tail is damaged");
        found->has[PLACE_QUEUE] = found->has[PLACE_FAILED] = false;
        return;
    }
    if (v != GOOD)
        free(entry);
}

/* ---- what needs all of them ---- */

/* After the end of a process the lines of a log may be only in the kernel's memory. They are
 * written into a new file before anything is done because of them. */
static void doubt_log(struct spool_entry *entry)
{
    if (entry->has_log)
        store_owe(entry, slice_make(NULL, 0));
}

/* A bounce counts when the log of its message names it. One that is not named will be written again
 * under the same name. Without its message it will not. */
static void judge_bounces(struct store *store, const struct finds *f)
{
    LIST_EACH (&store->index.lists[PLACE_QUEUE], it) {
        struct spool_entry *entry = CONTAINER(it, struct spool_entry, link);
        const char *dot = strrchr(entry->id, '.');
        struct found parent = {.has = {false}};
        if (!dot || dot[1] != 'b')
            continue;
        memcpy(parent.id, entry->id, (size_t)(dot - entry->id));
        struct spool_entry *p = store_find(store, parent.id);
        const struct found *on_disk =
            f->n ? bsearch(&parent, f->all, f->n, sizeof *f->all, by_id) : NULL;
        if (p && strtoul(dot + 2, NULL, 10) <= p->bounces)
            doubt_log(p);
        else if (p)
            entry->is_gone = true;
        else
            entry->is_held = on_disk && (on_disk->has[0] || on_disk->has[1]);
    }
    LIST_EACH (&store->index.lists[PLACE_FAILED], it)
        CONTAINER(it, struct spool_entry, link)->is_held = false;
}

static void finished(void *arg, const struct err *err)
{
    struct store *store = arg;
    /* It is tried again every ten seconds, so that a full disk does not stop the sending. */
    if (err)
        log_say(store->io->log, LOG_ERROR, "the spool's start can't be finished yet: %s",
                err->words);
}

/* Finishes moves and removals that a crash left half done. */
static void finish_all(struct store *store)
{
    for (int place = PLACE_QUEUE; place <= PLACE_FAILED; place++)
        LIST_EACH (&store->index.lists[place], it) {
            struct spool_entry *entry = CONTAINER(it, struct spool_entry, link);
            if (store_is_settled(entry))
                continue;
            if (entry->place != store_place_of(entry))
                doubt_log(entry);
            store_settle(store, entry, finished, store);
        }
}

/* Removes logs without a message. The removal of the message must be on the disk first. Otherwise
 * it may come back without its log. */
static void remove_orphans(struct store *store, const struct finds *f)
{
    for (size_t i = 0; i < f->n; i++)
        for (int place = PLACE_QUEUE; place <= PLACE_FAILED; place++)
            if (!f->all[i].has[0] && !f->all[i].has[1] && f->all[i].has_log[place])
                disk_unlink(store->disk, store->places[place], store_name(f->all[i].id, ".log"),
                            NULL, NULL);
}

/* A sync of the directory may have failed before this start. Its names are changed, so that the
 * whole directory is written again. */
static void sync_anew(struct store *store, struct disk_directory *dir, struct scan_answer *r)
{
    struct scan_answer made = {.failed = false};
    disk_create(store->disk, dir, "start.new", keep, &made);
    disk_close(store->disk, &made.file);
    disk_unlink(store->disk, dir, "start.new", NULL, NULL);
    disk_sync_directory(store->disk, dir, keep, r);
}

static int list_all(struct finds *f, struct err *err)
{
    struct store *store = f->store;
    for (int place = PLACE_QUEUE; place <= PLACE_FAILED; place++) {
        f->place = (enum spool_place)place;
        disk_list(store->disk, store->places[place], on_names, f);
    }
    join_names(f);
    for (size_t i = 0; i < f->n && !f->failed; i++)
        read_found(store, &f->all[i]);
    judge_bounces(store, f);
    struct scan_answer r = {.failed = false};
    sync_anew(store, store->places[PLACE_QUEUE], &r);
    if (!r.failed)
        sync_anew(store, store->places[PLACE_FAILED], &r);
    if (r.failed || f->failed) {
        *err = r.failed ? r.err : f->err;
        return -1;
    }
    remove_orphans(store, f);
    finish_all(store);
    return 0;
}

/* Counts messages, but neither their logs nor files that are being written. */
static size_t count_messages(const struct disk_answer *a)
{
    size_t n = 0;
    for (size_t i = 0; i < a->nnames; i++)
        n += !ends_in(a->names[i].name, ".log") && !ends_in(a->names[i].name, ".new");
    return n;
}

/* Call this before anything runs. Removes the file with which the disk is tested, if one is
 * left. */
static void on_corrupt(void *arg, const struct disk_answer *a)
{
    struct store *store = arg;
    store->ncorrupt = count_messages(a);
    for (size_t i = 0; i < a->nnames; i++)
        if (ends_in(a->names[i].name, ".new"))
            disk_unlink(store->disk, store->corrupt, a->names[i].name, NULL, NULL);
}

/* A message that is moved there meanwhile may be missed. The next count finds it. */
static void on_recount(void *arg, const struct disk_answer *a)
{
    struct store *store = arg;
    store->is_recounting = false;
    if (!a->err && store->recount_began == store->nquarantined)
        store->ncorrupt = count_messages(a);
}

void store_recount_corrupt(struct store *store)
{
    if (store->is_recounting || !store->ncorrupt)
        return;
    store->is_recounting = true;
    store->recount_began = store->nquarantined;
    disk_list(store->disk, store->corrupt, on_recount, store);
}

/* Reads a small file in the top directory. The text is empty if there is none. */
static void read_small(struct store *store, const char *name, struct scan_answer *r)
{
    buf_init(&r->octets, CAP_DISK_CHUNK);
    disk_open(store->disk, store->top, name, keep, r);
    if (!r->failed)
        disk_read(store->disk, r->file, 0, 1000, keep, r);
    disk_close(store->disk, &r->file);
}

static int write_format(struct store *store, struct scan_answer *r)
{
    struct buf b;
    buf_init(&b, 64);
    if (!buf_append_slice(&b, slice_of(FORMAT_TEXT)))
        abort();
    disk_unlink(store->disk, store->top, "format.new", NULL, NULL);
    disk_create(store->disk, store->top, "format.new", keep, r);
    if (!r->failed)
        disk_append(store->disk, r->file, &b, keep, r);
    if (!r->failed)
        disk_sync(store->disk, r->file, keep, r);
    disk_close(store->disk, &r->file);
    if (!r->failed)
        disk_rename(store->disk, store->top, "format.new", store->top, "format", keep, r);
    if (!r->failed)
        disk_sync_directory(store->disk, store->top, keep, r);
    buf_free(&b);
    return r->failed ? -1 : 0;
}

static int check_format(struct store *store, struct err *err)
{
    struct scan_answer r = {.failed = false};
    read_small(store, "format", &r);
    int result = 0;
    if (r.failed && r.err.kind == ERR_NOT_FOUND) {
        result = write_format(store, &r);
    } else if (!r.failed && !slice_is(buf_view(&r.octets), FORMAT_TEXT)) {
        err_set(&r.err, ERR_INVALID, "%.200s: a spool that another version has written",
                store->directory);
        result = -1;
    } else if (r.failed) {
        result = -1;
    }
    if (result < 0)
        *err = r.err;
    buf_free(&r.octets);
    return result;
}

int store_scan(struct store *store, struct err *err)
{
    struct finds f = {.store = store};
    struct scan_answer r = {.failed = false};
    const struct io *io = store->io;
    disk_lock(store->disk, store->top, "lock", keep, &r);
    if (r.failed) {
        *err = r.err;
        return -1;
    }
    store->lock = r.file;
    if (check_format(store, err) < 0)
        return -1;
    disk_list(store->disk, store->corrupt, on_corrupt, store);
    int result = list_all(&f, err);
    free(f.all);
    if (result < 0)
        return -1;
    struct scan_answer clock = {.failed = false};
    read_small(store, "clock", &clock);
    spool_clock_start(&store->clock, buf_view(&clock.octets), store->head_moment,
                      store->clock.began, loop_now(io->loop), loop_wall_ms(io->loop),
                      store->settings.max_age);
    buf_free(&clock.octets);
    return 0;
}
