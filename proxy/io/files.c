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
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, "open", path);
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

/* A rename is only safe once its directory is on disk. */
static int sync_directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash == path ? mem_string("/")
                      : slash       ? mem_copy(path, (size_t)(slash - path))
                                    : mem_string(".");
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(directory);
    if (fd < 0)
        return -1;
    int result = fsync(fd);
    int number = errno;
    close(fd);
    errno = number;
    return result;
}

/* The mode is set on the open descriptor, so that neither umask nor a left-over file of a crash
 * decides who may read. */
static int write_temporary(const char *path, struct slice data, unsigned mode, struct err *err)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return fail(err, errno, "remove", path);
    int fd =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, (mode_t)(mode & 0700));
    if (fd < 0)
        return fail(err, errno, "create", path);
    int result = 0;
    if (fchmod(fd, (mode_t)mode) < 0 || write_all(fd, data) < 0 || fsync(fd) < 0)
        result = fail(err, errno, "write", path);
    if (close(fd) < 0 && result == 0)
        result = fail(err, errno, "write", path);
    return result;
}

int file_replace(const char *path, struct slice data, unsigned mode, struct err *err)
{
    char *temporary = mem_alloc(strlen(path) + sizeof ".tmp");
    strcpy(temporary, path);
    strcat(temporary, ".tmp");
    int result = write_temporary(temporary, data, mode, err);
    if (result == 0 && rename(temporary, path) < 0)
        result = fail(err, errno, "rename to", path);
    if (result < 0)
        unlink(temporary);
    free(temporary);
    if (result == 0 && sync_directory_of(path) < 0)
        result = fail(err, errno, "sync the directory of", path);
    return result;
}

struct replacement {
    char *path;
    /* a token, perhaps */
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

int directory_make(const char *path, unsigned mode, struct err *err)
{
    struct stat st;
    if (mkdir(path, (mode_t)mode) == 0)
        return 0;
    int number = errno;
    if (number == EEXIST && stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return 0;
        number = ENOTDIR;
    }
    return fail(err, number, "make the directory", path);
}
