#include "io/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/secret.h"
#include "io/offload_internal.h"

static int fail(struct err *err, int number, const char *doing, const char *path)
{
    char text[256];
    snprintf(text, sizeof text, "%s %.200s", doing, path);
    err_set_errno(err, number, text);
    return -1;
}

int file_read(const char *path, struct buf *out, struct err *err)
{
    char chunk[4096];
    ssize_t n;
    int fd = file_open(path, FILE_READ, 0, NULL, err);
    if (fd < 0)
        return -1;
    int result = 0;
    while (result == 0 && (n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno != EINTR) {
            result = fail(err, errno, "read", path);
        } else if (n > 0 && !buf_append(out, chunk, (size_t)n)) {
            err_set(err, ERR_LIMIT, "%.200s is larger than %zu bytes", path, out->cap);
            result = -1;
        }
    }
    secret_erase(chunk, sizeof chunk);
    close(fd);
    return result;
}

static int write_all(int fd, struct slice data)
{
    while (data.len) {
        ssize_t n = write(fd, data.data, data.len);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0)
            data = slice_from(data, (size_t)n);
    }
    return 0;
}

/* Removes first what a crash left there. */
static int write_temporary(const struct place *place, struct slice data, unsigned mode,
                           const struct file_owner *owner, struct err *err)
{
    if (unlinkat(place->dir, place->name, 0) < 0 && errno != ENOENT)
        return fail(err, errno, "remove", place->path);
    int fd = place_open(place, FILE_CREATE, mode, owner, err);
    if (fd < 0)
        return -1;
    int result = 0;
    if (write_all(fd, data) < 0 || fsync(fd) < 0)
        result = fail(err, errno, "write", place->path);
    if (close(fd) < 0 && result == 0)
        result = fail(err, errno, "write", place->path);
    return result;
}

typedef int put_fn(const struct place *place, const char *from, struct err *err);

static int put_file(put_fn *put, const char *path, struct slice data, unsigned mode,
                    const struct file_owner *owner, struct err *err)
{
    struct place place, temporary;
    if (place_find(path, &place, err) < 0)
        return -1;
    temporary = place;
    size_t n = strlen(place.name);
    int result =
        n + sizeof ".tmp" > sizeof temporary.name ? fail(err, ENAMETOOLONG, "write", path) : 0;
    if (result == 0) {
        memcpy(temporary.name + n, ".tmp", sizeof ".tmp");
        result = write_temporary(&temporary, data, mode, owner, err);
        if (result == 0)
            result = put(&place, temporary.name, err);
        if (result < 0)
            unlinkat(temporary.dir, temporary.name, 0);
    }
    place_leave(&place);
    return result;
}

int file_replace_for(const char *path, struct slice data, unsigned mode,
                     const struct file_owner *owner, struct err *err)
{
    return put_file(place_put, path, data, mode, owner, err);
}

int file_create_for(const char *path, struct slice data, unsigned mode,
                    const struct file_owner *owner, struct err *err)
{
    return put_file(place_put_new, path, data, mode, owner, err);
}

int file_replace(const char *path, struct slice data, unsigned mode, struct err *err)
{
    return file_replace_for(path, data, mode, NULL, err);
}

struct replacement {
    char *path;
    /* It may be a token. */
    struct secret *data;
    unsigned mode;
    int result;
    struct err err;
    void (*failed)(void *ctx, const struct err *err);
    void *ctx;
};

static void run(void *arg)
{
    struct replacement *r = arg;
    r->result = file_replace(r->path, secret_reveal(r->data), r->mode, &r->err);
}

static void done(void *arg)
{
    struct replacement *r = arg;
    if (r->result < 0 && r->failed)
        r->failed(r->ctx, &r->err);
    secret_free(&r->data);
    free(r->path);
    free(r);
}

void file_replace_later(struct offload *off, const char *path, struct slice data, unsigned mode,
                        void (*failed)(void *ctx, const struct err *err), void *ctx)
{
    struct replacement *r = NEW(struct replacement);
    r->path = mem_string(path);
    r->data = secret_new(data);
    r->mode = mode;
    r->failed = failed;
    r->ctx = ctx;
    offload_submit_in_order(off, run, done, r);
}

/* An existing directory of root's is given away only if no other user can have put it there. */
static int give_directory(const struct place *place, bool made, unsigned mode,
                          const struct file_owner *owner, struct err *err)
{
    struct stat st;
    int fd = openat(place->dir, place->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* We may have the right to write the directory but not to list it. Then it exists, and that is
     * enough. */
    if (fd < 0)
        return errno == EACCES && !made ? 0 : fail(err, errno, "make the directory", place->path);
    int result = 0;
    if (owner && fstat(fd, &st) == 0 && st.st_uid == 0 && owner->uid != 0 &&
        (made || !place->exposed) && fchown(fd, owner->uid, owner->gid) != 0)
        result = fail(err, errno, "give its owner to the directory", place->path);
    if (result == 0 && made && fchmod(fd, (mode_t)mode) != 0)
        result = fail(err, errno, "give its mode to the directory", place->path);
    close(fd);
    return result;
}

int directory_make(const char *path, unsigned mode, const struct file_owner *owner, struct err *err)
{
    struct place place;
    if (place_find(path, &place, err) < 0)
        return -1;
    bool made = mkdirat(place.dir, place.name, (mode_t)(mode & 0700)) == 0;
    int result = made || errno == EEXIST ? give_directory(&place, made, mode, owner, err)
                                         : fail(err, errno, "make the directory", path);
    place_leave(&place);
    return result;
}
