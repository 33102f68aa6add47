#include "io/gather.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/caps.h"
#include "base/mem.h"
#include "io/disk.h"

struct gather_place {
    unsigned refs;
    struct loop *loop;
    struct disk *disk;
    char *path;
    /* NULL until it could be opened. */
    struct disk_directory *directory;
    bool has_thread;
};

struct gather {
    struct loop *loop;
    struct gather_place *place;
    const struct gather_events *events;
    void *ctx;
    /* Nobody listens. */
    bool left;
    /* It goes with the last answer of the disk. */
    bool freed;
    /* The head stays in memory. The octets in `waiting` are on their way to the file. */
    struct buf head, waiting;
    /* NULL means that there is none yet. */
    struct disk_file *file;
    /* A call of the disk is under way. */
    bool busy;
    /* It goes to a file. */
    bool spilled;
    /* Less than all was taken. */
    bool was_full;
    bool ended, told;
    uint64_t size;
    struct err err;
    struct deferred tell;
};

/* ---- the place ---- */

struct gather_place *gather_place_new(struct loop *loop, const char *path)
{
    struct gather_place *p = NEW(struct gather_place);
    struct err err;
    p->refs = 1;
    p->loop = loop;
    p->disk = disk_new(loop);
    p->path = mem_string(path);
    /* A caller that needs the directory later tries again, and hears why. */
    if (disk_directory_open(p->disk, path, false, &p->directory, &err) < 0)
        p->directory = NULL;
    return p;
}

static void place_destroy(void *arg)
{
    struct gather_place *p = arg;
    disk_directory_close(&p->directory);
    disk_free(&p->disk);
    free(p->path);
    free(p);
}

/* The last one may go in an answer of the disk, which is freed later for that. */
void gather_place_unref(struct gather_place **place)
{
    struct gather_place *p = *place;
    *place = NULL;
    if (p && --p->refs == 0)
        loop_free_later(p->loop, p, place_destroy);
}

/* The thread is there and the directory is open. */
static int place_open_up(struct gather_place *p, struct err *err)
{
    if (!p->directory && disk_directory_open(p->disk, p->path, false, &p->directory, err) < 0)
        return -1;
    if (!p->has_thread && disk_start(p->disk, err) < 0)
        return -1;
    p->has_thread = true;
    return 0;
}

/* ---- events ---- */

static bool has_failed(const struct gather *g)
{
    return g->err.kind != ERR_NONE;
}

static void on_tell(void *arg)
{
    struct gather *g = arg;
    if (g->told)
        return;
    if (has_failed(g)) {
        g->told = true;
        g->events->failed(g->ctx, &g->err);
    } else if (g->ended && !g->busy) {
        g->told = true;
        g->events->whole(g->ctx);
    } else if (g->was_full && buf_room(&g->waiting)) {
        g->was_full = false;
        g->events->low(g->ctx);
    }
}

static void tell_later(struct gather *g)
{
    if (!g->left)
        loop_defer(g->loop, &g->tell);
}

static void fail(struct gather *g, const struct err *err)
{
    g->err = *err;
    buf_free(&g->waiting);
    tell_later(g);
}

/* ---- the file ---- */

static void destroy(struct gather *g)
{
    if (g->place)
        disk_close(g->place->disk, &g->file);
    buf_free(&g->head);
    buf_free(&g->waiting);
    gather_place_unref(&g->place);
    free(g);
}

static void write_on(struct gather *g);

/* The disk's answer. Returns false if there is nothing more to do. */
static bool take_answer(struct gather *g, const struct disk_answer *answer)
{
    g->busy = false;
    if (answer->file)
        g->file = answer->file;
    if (g->freed) {
        destroy(g);
        return false;
    }
    if (answer->err)
        fail(g, answer->err);
    return !answer->err;
}

static void on_answer(void *arg, const struct disk_answer *answer)
{
    struct gather *g = arg;
    if (!take_answer(g, answer))
        return;
    write_on(g);
    tell_later(g);
}

static void write_on(struct gather *g)
{
    struct buf piece;
    struct slice next = slice_head(buf_view(&g->waiting), CAP_GATHER_WRITE);
    if (g->busy || !g->file || !next.len)
        return;
    buf_init(&piece, CAP_GATHER_WRITE);
    bool fits = buf_append_slice(&piece, next);
    (void)fits;
    buf_consume(&g->waiting, next.len);
    g->busy = true;
    disk_append(g->place->disk, g->file, &piece, on_answer, g);
}

/* The end of what was in memory goes with the rest. */
static void spill(struct gather *g)
{
    struct err err;
    struct slice end = slice_from(buf_view(&g->head), CAP_GATHER_HEAD);
    g->spilled = true;
    if (!g->place)
        err_set(&err, ERR_FULL, "there is no directory for messages of this size");
    if (!g->place || place_open_up(g->place, &err) < 0) {
        fail(g, &err);
        return;
    }
    bool fits = buf_append_slice(&g->waiting, end);
    (void)fits;
    g->head.len -= end.len;
    g->busy = true;
    disk_create_unnamed(g->place->disk, g->place->directory, on_answer, g);
}

/* ---- one message ---- */

struct gather *gather_new(struct loop *loop, struct gather_place *place,
                          const struct gather_events *events, void *ctx)
{
    struct gather *g = NEW(struct gather);
    g->loop = loop;
    g->place = place;
    if (place)
        place->refs++;
    g->events = events;
    g->ctx = ctx;
    buf_init(&g->head, CAP_GATHER);
    buf_init(&g->waiting, CAP_GATHER);
    deferred_init(&g->tell, on_tell, g);
    return g;
}

/* Returns how many octets have room there. */
static size_t take(struct gather *g, struct buf *to, struct slice octets)
{
    struct slice taken = slice_head(octets, buf_room(to));
    bool fits = buf_append_slice(to, taken);
    (void)fits;
    g->size += taken.len;
    return taken.len;
}

size_t gather_put(struct gather *g, struct slice octets)
{
    size_t taken = g->spilled ? 0 : take(g, &g->head, octets);
    if (!g->spilled && taken < octets.len)
        spill(g);
    if (has_failed(g))
        return octets.len;
    taken += take(g, &g->waiting, slice_from(octets, taken));
    g->was_full = taken < octets.len;
    write_on(g);
    return taken;
}

uint64_t gather_size(const struct gather *g)
{
    return g->size;
}

void gather_end(struct gather *g)
{
    g->ended = true;
    tell_later(g);
}

static bool read_some(void *ctx, uint64_t offset, char *out, size_t n)
{
    const struct gather *g = ctx;
    if (offset < g->head.len) {
        struct slice now = slice_head(slice_from(buf_view(&g->head), (size_t)offset), n);
        memcpy(out, now.data, now.len);
        offset += now.len, out += now.len, n -= now.len;
    }
    return n == 0 || (g->file && disk_read_now(g->file, offset - g->head.len, out, n));
}

struct octets gather_octets(struct gather *g)
{
    return (struct octets){.size = g->size, .read = read_some, .ctx = g};
}

void gather_leave(struct gather *g)
{
    deferred_cancel(&g->tell);
    g->left = true;
}

void gather_free(struct gather **gather)
{
    struct gather *g = *gather;
    *gather = NULL;
    if (!g)
        return;
    gather_leave(g);
    g->freed = true;
    if (!g->busy)
        destroy(g);
}
