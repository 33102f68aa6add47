/* The disk's calls as system calls. Each touches its own call alone, so any thread may make it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/disk_internal.h"
#include "io/place.h"

struct disk_directory {
    int fd;
    char *path;
};

struct disk_file {
    int fd;
};

int disk_directory_open(struct disk *disk, const char *path, bool make,
                        struct disk_directory **dir_r, struct err *err)
{
    char doing[256];
    struct place place;
    (void)disk;
    snprintf(doing, sizeof doing, "open %.200s", path);
    if (place_find(path, &place, err) < 0)
        return -1;
    int fd = -1;
    if (!make || mkdirat(place.dir, place.name, 0700) == 0 || errno == EEXIST)
        fd = openat(place.dir, place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int number = errno;
    place_leave(&place);
    if (fd < 0) {
        err_set_errno(err, number, doing);
        return -1;
    }
    *dir_r = NEW(struct disk_directory);
    (*dir_r)->fd = fd;
    (*dir_r)->path = mem_string(path);
    return 0;
}

void disk_directory_close(struct disk_directory **dir)
{
    if (!*dir)
        return;
    close((*dir)->fd);
    free((*dir)->path);
    free(*dir);
    *dir = NULL;
}

static void fail(struct disk_call *call, int number, const char *verb)
{
    char doing[256];
    if (call->name)
        snprintf(doing, sizeof doing, "%s %.160s/%.60s", verb, call->dir->path, call->name);
    else
        snprintf(doing, sizeof doing, "%s %.200s", verb, call->dir ? call->dir->path : "a file");
    call->failed = true;
    err_set_errno(&call->err, number, doing);
}

static void take_file(struct disk_call *call, int fd)
{
    call->answer.file = NEW(struct disk_file);
    call->answer.file->fd = fd;
}

static void open_file(struct disk_call *call, int flags)
{
    struct stat st;
    int fd = openat(call->dir->fd, call->name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0) {
        fail(call, errno, "open");
        return;
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        fail(call, EINVAL, "open");
        close(fd);
        return;
    }
    call->answer.size = (uint64_t)st.st_size;
    take_file(call, fd);
}

/* Some file systems have no files without a name (NFS, overlays of old kernels). There the file
 * gets a name that nobody can guess, and that is taken away at once. */
static int open_and_unlink(int dir)
{
    char name[48];
    uint64_t random[2];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return -1;
    snprintf(name, sizeof name, ".unnamed-%016" PRIx64 "%016" PRIx64, random[0], random[1]);
    int fd = openat(dir, name, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0 && unlinkat(dir, name, 0) < 0) {
        int number = errno;
        close(fd);
        errno = number;
        return -1;
    }
    return fd;
}

static void create_unnamed(struct disk_call *call)
{
    int fd = openat(call->dir->fd, ".", O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
        fd = open_and_unlink(call->dir->fd);
    if (fd < 0)
        fail(call, errno, "make a file in");
    else
        take_file(call, fd);
}

static void append(struct disk_call *call)
{
    while (call->octets.len > 0) {
        struct slice left = buf_view(&call->octets);
        ssize_t n = write(call->file->fd, left.data, left.len);
        if (n < 0 && errno == EINTR)
            continue;
        /* A write that takes nothing and gives no reason would continue for ever. */
        if (n <= 0) {
            fail(call, n < 0 ? errno : EIO, "write to");
            return;
        }
        buf_consume(&call->octets, (size_t)n);
    }
}

static void read_some(struct disk_call *call)
{
    while (call->octets.len < call->len) {
        size_t room;
        char *space = buf_space(&call->octets, call->len - call->octets.len, &room);
        ssize_t n = pread(call->file->fd, space, room, (off_t)(call->offset + call->octets.len));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            fail(call, errno, "read");
        if (n <= 0)
            return;
        buf_commit(&call->octets, (size_t)n);
    }
}

bool disk_read_now(const struct disk_file *file, uint64_t offset, char *out, size_t n)
{
    while (n) {
        ssize_t got = pread(file->fd, out, n, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        offset += (uint64_t)got, out += got, n -= (size_t)got;
    }
    return true;
}

static void add_name(struct disk_call *call, const char *name, uint64_t size)
{
    size_t n = call->answer.nnames;
    /* It is full at every power of two. */
    if ((n & (n - 1)) == 0)
        call->names = mem_resize(call->names, (n ? n * 2 : 1) * sizeof *call->names);
    call->names[n] = (struct disk_name){mem_string(name), size};
    call->answer.nnames++;
}

static void list(struct disk_call *call)
{
    int fd = openat(call->dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        fail(call, errno, "list");
        if (fd >= 0)
            close(fd);
        return;
    }
    for (;;) {
        struct stat st;
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry)
            break;
        if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            add_name(call, entry->d_name, (uint64_t)st.st_size);
    }
    if (errno)
        fail(call, errno, "list");
    closedir(dir);
}

static void room(struct disk_call *call)
{
    struct statvfs fs;
    if (fstatvfs(call->dir->fd, &fs) < 0) {
        fail(call, errno, "ask for the room of");
        return;
    }
    call->answer.room = (struct disk_room){.octets = (uint64_t)fs.f_bavail * fs.f_frsize,
                                           .octets_total = (uint64_t)fs.f_blocks * fs.f_frsize,
                                           .files = fs.f_favail,
                                           .files_total = fs.f_files};
}

static void lock(struct disk_call *call)
{
    open_file(call, O_RDWR | O_CREAT);
    if (!call->answer.file || flock(call->answer.file->fd, LOCK_EX | LOCK_NB) == 0)
        return;
    fail(call, errno, "lock");
    close(call->answer.file->fd);
    free(call->answer.file);
    call->answer.file = NULL;
}

static void close_file(struct disk_call *call)
{
    close(call->file->fd);
    free(call->file);
}

static void check(struct disk_call *call, int result, const char *verb)
{
    if (result < 0)
        fail(call, errno, verb);
}

void disk_perform(struct disk_call *call)
{
    /* It was refused before it came here. */
    if (call->failed)
        return;
    switch (call->what) {
    case DISK_CREATE: open_file(call, O_RDWR | O_APPEND | O_CREAT | O_EXCL); break;
    case DISK_CREATE_UNNAMED: create_unnamed(call); break;
    case DISK_OPEN: open_file(call, O_RDWR | O_APPEND); break;
    case DISK_OPEN_LOG: open_file(call, O_RDWR | O_APPEND | O_CREAT); break;
    case DISK_APPEND: append(call); break;
    case DISK_SYNC: check(call, fsync(call->file->fd), "sync"); break;
    case DISK_READ: read_some(call); break;
    case DISK_CUT: check(call, ftruncate(call->file->fd, (off_t)call->offset), "cut"); break;
    case DISK_CLOSE: close_file(call); break;
    case DISK_RENAME:
        check(call, renameat(call->dir->fd, call->name, call->to->fd, call->new_name), "rename");
        break;
    case DISK_UNLINK: check(call, unlinkat(call->dir->fd, call->name, 0), "remove"); break;
    case DISK_SYNC_DIRECTORY: check(call, fsync(call->dir->fd), "sync"); break;
    case DISK_LIST: list(call); break;
    case DISK_ROOM: room(call); break;
    case DISK_LOCK: lock(call); break;
    }
}

void disk_perform_at_once(struct disk *disk, struct disk_call *call)
{
    (void)disk;
    disk_perform(call);
}
