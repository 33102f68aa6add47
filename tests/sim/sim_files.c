/* io/files.h in memory. Files are found by path in the current world, for the real calls have no
 * loop either. */
#include "io/files.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim_world.h"

struct file {
    struct link link;
    char *path;
    char *text;
    size_t len;
};

static struct file *find(const struct sim *sim, const char *path)
{
    if (!sim)
        return NULL;
    LIST_EACH (&sim->files, it) {
        struct file *f = CONTAINER(it, struct file, link);
        if (strcmp(f->path, path) == 0)
            return f;
    }
    return NULL;
}

static void file_free(struct file *f)
{
    link_remove(&f->link);
    free(f->path);
    free(f->text);
    free(f);
}

static void put(struct sim *sim, const char *path, struct slice data)
{
    struct file *f = find(sim, path);
    if (!f) {
        f = NEW(struct file);
        f->path = mem_string(path);
        list_push_back(&sim->files, &f->link);
    }
    free(f->text);
    f->text = mem_copy(data.data, data.len);
    f->len = data.len;
}

void sim_file(struct sim *sim, const char *path, const char *text)
{
    if (text)
        put(sim, path, slice_of(text));
    else if (find(sim, path))
        file_free(find(sim, path));
}

const char *sim_file_text(const struct sim *sim, const char *path)
{
    const struct file *f = find(sim, path);
    return f ? f->text : NULL;
}

void sim_files_refuse_writes(struct sim *sim, bool refuse)
{
    sim->files_refuse_writes = refuse;
}

void sim_files_free(struct sim *sim)
{
    LIST_EACH (&sim->files, it)
        file_free(CONTAINER(it, struct file, link));
}

int file_read(const char *path, struct buf *out, struct err *err)
{
    const struct file *f = find(sim_current(), path);
    if (!f) {
        err_set(err, ERR_NOT_FOUND, "%s: no such file or directory", path);
        return -1;
    }
    if (!buf_append(out, f->text, f->len)) {
        err_set(err, ERR_LIMIT, "%s: too large", path);
        return -1;
    }
    return 0;
}

int file_replace_for(const char *path, struct slice data, unsigned mode,
                     const struct file_owner *owner, struct err *err)
{
    struct sim *sim = sim_current();
    (void)mode;
    (void)owner;
    if (!sim || sim->files_refuse_writes) {
        err_set(err, ERR_SYSTEM, "%s: no space left on device", path);
        return -1;
    }
    put(sim, path, data);
    return 0;
}

int file_replace(const char *path, struct slice data, unsigned mode, struct err *err)
{
    return file_replace_for(path, data, mode, NULL, err);
}

struct replacement {
    char *path;
    char *data;
    size_t len;
    unsigned mode;
    int result;
    struct err err;
    void (*failed)(void *ctx, const struct err *err);
    void *ctx;
};

static void replace(void *arg)
{
    struct replacement *r = arg;
    r->result = file_replace(r->path, slice_make(r->data, r->len), r->mode, &r->err);
}

static void replaced(void *arg)
{
    struct replacement *r = arg;
    if (r->result != 0 && r->failed)
        r->failed(r->ctx, &r->err);
    free(r->path);
    free(r->data);
    free(r);
}

void file_replace_later(struct offload *off, const char *path, struct slice data, unsigned mode,
                        void (*failed)(void *ctx, const struct err *err), void *ctx)
{
    struct replacement *r = NEW(struct replacement);
    *r = (struct replacement){.path = mem_string(path),
                              .data = mem_copy(data.data, data.len),
                              .len = data.len,
                              .mode = mode,
                              .failed = failed,
                              .ctx = ctx};
    offload_submit(off, replace, replaced, r);
}

int directory_make(const char *path, unsigned mode, const struct file_owner *owner, struct err *err)
{
    (void)owner;
    (void)mode;
    if (sim_current() && !sim_current()->files_refuse_writes)
        return 0;
    err_set(err, ERR_PERMISSION, "%s: permission denied", path);
    return -1;
}
