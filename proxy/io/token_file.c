#include "io/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/caps.h"
#include "base/mem.h"
#include "base/secret_file.h"
#include "io/files.h"

/* How often the file may have been replaced while we waited for its lock. */
enum { REOPENED = 10 };

struct token_file {
    char *path;
    /* Holds the lock. */
    int fd;
};

struct secret *secret_line(const char *path, struct err *err)
{
    unsigned mode;
    return secret_file_read(path, &mode, err);
}

static void fail(struct err *err, int number, const char *path)
{
    struct err why;
    err_set_errno(&why, number, "");
    err_set(err, why.kind, "%.200s%s", path, why.words);
}

struct secret *secret_text(const char *path, size_t max, struct err *err)
{
    struct stat st;
    struct secret *secret = NULL;
    int fd = secret_file_open(path, &st);
    if (fd < 0) {
        fail(err, errno, path);
        return NULL;
    }
    char *bytes = mem_alloc(max + 1);
    ssize_t n = secret_file_bytes(fd, bytes, max + 1);
    if (n < 0)
        fail(err, errno, path);
    else if ((size_t)n > max)
        err_set(err, ERR_LIMIT, "%.200s is larger than %zu octets", path, max);
    else
        secret = secret_new(slice_make(bytes, (size_t)n));
    secret_erase(bytes, max + 1);
    free(bytes);
    close(fd);
    return secret;
}

/* The one place that opens a token file. The service's user may write its directory. So it never
 * follows a link, and it refuses a file that has a second name or that everybody may read. */
static int open_token(const char *path, struct stat *st, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0) {
        fail(err, errno, path);
        return -1;
    }
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_nlink == 1 && !(st->st_mode & S_IROTH))
        return fd;
    err_set(err, ERR_PERMISSION,
            "%.200s is refused: it must be a regular file of one name that others cannot read",
            path);
    close(fd);
    return -1;
}

/* Returns 1 if it is locked and the path still names it, 0 if the path names another file by
 * now. */
static int lock_named(int fd, const struct stat *opened, const char *path, struct err *err)
{
    struct stat named;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        err_set(err, errno == EWOULDBLOCK ? ERR_TIMEOUT : ERR_SYSTEM,
                "%.200s is locked: another process renews the token", path);
        return -1;
    }
    return lstat(path, &named) == 0 && named.st_dev == opened->st_dev &&
           named.st_ino == opened->st_ino;
}

static int open_locked(const char *path, struct err *err)
{
    struct stat st;
    for (int i = 0; i < REOPENED; i++) {
        int fd = open_token(path, &st, err), locked = fd < 0 ? -1 : lock_named(fd, &st, path, err);
        if (locked > 0)
            return fd;
        if (fd >= 0)
            close(fd);
        if (locked < 0)
            return -1;
    }
    err_set(err, ERR_TIMEOUT, "%.200s is replaced again and again", path);
    return -1;
}

/* Returns the first line, which must exist. */
static struct secret *read_token(int fd, const char *path, struct err *err)
{
    const size_t size = CAP_TOKEN + 2;
    char *bytes = mem_alloc(size);
    ssize_t n = secret_file_bytes(fd, bytes, size);
    struct slice text = slice_make(bytes, n > 0 ? (size_t)n : 0);
    struct slice line = slice_head(text, slice_find(text, '\n'));
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    struct secret *token = line.len && line.len <= CAP_TOKEN ? secret_new(line) : NULL;
    if (n < 0)
        fail(err, errno, path);
    else if (!token)
        err_set(err, ERR_INVALID, "%.200s: its first line is %s", path,
                line.len ? "too long" : "empty; the refresh token stands there");
    secret_erase(bytes, size);
    free(bytes);
    return token;
}

struct token_file *token_file_lock(const char *path, struct secret **token_r, struct err *err)
{
    int fd = open_locked(path, err);
    *token_r = fd < 0 ? NULL : read_token(fd, path, err);
    if (!*token_r) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    struct token_file *file = NEW(struct token_file);
    file->path = mem_string(path);
    file->fd = fd;
    return file;
}

static int replace(const char *path, const struct secret *token, struct err *err)
{
    struct buf line;
    struct slice bytes = secret_reveal(token);
    buf_init(&line, bytes.len + 1);
    buf_reserve(&line, 0, bytes.len + 1);
    int result = buf_append_slice(&line, bytes) && buf_append(&line, "\n", 1) ? 0 : -1;
    if (result == 0)
        result = file_replace(path, buf_view(&line), 0600, err);
    buf_wipe(&line);
    return result;
}

int token_file_replace(const struct token_file *file, const struct secret *token, struct err *err)
{
    return replace(file->path, token, err);
}

/* What cannot be opened by us is not locked by the server either, which is the same user; and the
 * name is replaced, never what it leads to. */
int token_file_put(const char *path, const struct secret *token, struct err *err)
{
    int fd = open_locked(path, err), result = -1;
    if (fd >= 0 || err->kind != ERR_TIMEOUT)
        result = replace(path, token, err);
    if (fd >= 0)
        close(fd);
    return result;
}

void token_file_unlock(struct token_file **file)
{
    struct token_file *f = *file;
    *file = NULL;
    if (!f)
        return;
    close(f->fd);
    free(f->path);
    free(f);
}
