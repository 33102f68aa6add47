#include "io/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/caps.h"

enum { MAX_RACES = 8 };

/* The flags of every open. Without O_NONBLOCK a FIFO would block us, without O_NOCTTY a terminal
 * would become our controlling terminal. */
#define ALWAYS (O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW)

struct walk {
    struct place *place;
    /* The part of the path that is not walked yet. */
    char rest[PATH_MAX];
    unsigned links;
};

static int fail(const struct place *p, int number, const char *doing, struct err *err)
{
    char text[256];
    snprintf(text, sizeof text, "%s %.200s", doing, p->path);
    err_set_errno(err, number, text);
    return -1;
}

/* Root's group counts as root. */
static bool others_may_write(const struct stat *st)
{
    return st->st_uid != 0 || (st->st_mode & S_IWOTH) ||
           ((st->st_mode & S_IWGRP) && st->st_gid != 0);
}

/* No process can create entries in /proc. */
static bool is_of_kernel(int dir)
{
    struct statfs fs;
    return fstatfs(dir, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* Takes the descriptor, which is the next directory of the path. For -1, errno says why it could
 * not be opened. */
static int enter(struct walk *w, int fd, struct err *err)
{
    struct place *p = w->place;
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        int number = errno;
        if (fd >= 0)
            close(fd);
        return fail(p, number, "open", err);
    }
    if (p->dir >= 0)
        close(p->dir);
    p->dir = fd;
    if (others_may_write(&st) && !is_of_kernel(fd))
        p->exposed = true;
    return 0;
}

static int enter_start(struct walk *w, struct err *err)
{
    return enter(w, open(w->rest[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC), err);
}

/* Cuts the first part off the rest. Returns false if nothing is left. */
static bool next_part(struct walk *w, char part[NAME_MAX + 1], bool *is_last_r, struct err *err,
                      bool *too_long_r)
{
    size_t start = strspn(w->rest, "/"), n = strcspn(w->rest + start, "/");
    *too_long_r = n > NAME_MAX;
    if (*too_long_r)
        fail(w->place, ENAMETOOLONG, "open", err);
    if (n == 0 || *too_long_r)
        return false;
    memcpy(part, w->rest + start, n);
    part[n] = 0;
    char *after = w->rest + start + n;
    *is_last_r = after[strspn(after, "/")] == 0;
    memmove(w->rest, after, strlen(after) + 1);
    return true;
}

static int fail_at_link(const struct place *p, struct err *err)
{
    err_set(
        err, ERR_PERMISSION,
        "open %.160s: a symbolic link stands where others than root may write; it is not followed",
        p->path);
    return -1;
}

/* Puts the link's target before the rest. */
static int follow(struct walk *w, const char *target, struct err *err)
{
    char whole[sizeof w->rest];
    if (w->place->exposed)
        return fail_at_link(w->place, err);
    int n = snprintf(whole, sizeof whole, "%s%s", target, w->rest);
    if (++w->links > CAP_PATH_LINKS || n < 0 || (size_t)n >= sizeof whole)
        return fail(w->place, ELOOP, "open", err);
    memcpy(w->rest, whole, (size_t)n + 1);
    return target[0] == '/' ? enter_start(w, err) : 0;
}

/* Returns 1 when the place is found. */
static int step(struct walk *w, struct err *err)
{
    struct place *p = w->place;
    char part[NAME_MAX + 1], target[PATH_MAX];
    bool is_last = false, too_long = false;
    if (!next_part(w, part, &is_last, err, &too_long))
        return too_long ? -1 : fail(p, EISDIR, "open", err);
    if (is_last && (strcmp(part, ".") == 0 || strcmp(part, "..") == 0))
        return fail(p, EISDIR, "open", err);
    ssize_t n = readlinkat(p->dir, part, target, sizeof target - 1);
    bool is_link = n > 0, by_kernel = is_link && is_of_kernel(p->dir);
    /* A link at the end may be replaced. place_open does not follow it. */
    if (is_link && !by_kernel && !(is_last && p->exposed)) {
        target[n] = 0;
        return follow(w, target, err);
    }
    if (is_last) {
        snprintf(p->name, sizeof p->name, "%s", part);
        p->is_kernel_link = by_kernel;
        return 1;
    }
    return enter(
        w, openat(p->dir, part, O_PATH | O_DIRECTORY | O_CLOEXEC | (by_kernel ? 0 : O_NOFOLLOW)),
        err);
}

int place_find(const char *path, struct place *place_r, struct err *err)
{
    struct walk w = {.place = place_r};
    *place_r = (struct place){.dir = -1, .path = path};
    if (strlen(path) >= sizeof w.rest)
        return fail(place_r, ENAMETOOLONG, "open", err);
    strcpy(w.rest, path);
    int result = enter_start(&w, err);
    while (result == 0)
        result = step(&w, err);
    if (result < 0)
        place_leave(place_r);
    return result < 0 ? -1 : 0;
}

void place_leave(struct place *place)
{
    if (place->dir >= 0)
        close(place->dir);
    place->dir = -1;
}

/* ---- what is at the place ---- */

static int make(const struct place *p, unsigned mode, const struct file_owner *owner,
                struct err *err)
{
    int fd = openat(p->dir, p->name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | ALWAYS,
                    (mode_t)(mode & 0700));
    if (fd < 0)
        return -1;
    if ((!owner || fchown(fd, owner->uid, owner->gid) == 0) && fchmod(fd, (mode_t)mode) == 0)
        return fd;
    int number = errno;
    close(fd);
    unlinkat(p->dir, p->name, 0);
    fail(p, number, "give its owner and mode to", err);
    errno = 0;
    return -1;
}

static int open_existing(const struct place *p, enum file_form form)
{
    int flags = ALWAYS & (p->is_kernel_link ? ~O_NOFOLLOW : ~0);
    int fd = openat(p->dir, p->name, flags | (form == FILE_READ ? O_RDONLY : O_WRONLY | O_APPEND));
    /* The FIFO has no reader. Whether it may be written at all is decided below. */
    if (fd < 0 && errno == ENXIO && form == FILE_APPEND)
        fd = openat(p->dir, p->name, flags | O_RDWR);
    return fd;
}

/* Closes the file and says why if it is not what it must be. */
static int judge(const struct place *p, enum file_form form, int fd, struct err *err)
{
    struct stat st;
    const char *wrong = NULL;
    if (fstat(fd, &st) != 0) {
        fail(p, errno, "open", err);
    } else {
        bool may_be_other = form == FILE_APPEND && !p->exposed && !S_ISDIR(st.st_mode);
        if (!S_ISREG(st.st_mode) && !may_be_other)
            wrong = form == FILE_APPEND && p->exposed
                        ? "it is not a regular file, and stands where others than root may write"
                        : "it is not a regular file";
        else if (S_ISREG(st.st_mode) && st.st_nlink != 1 && !p->is_kernel_link)
            wrong = "it has other names, too (hard links)";
        if (!wrong)
            return fd;
        err_set(err, ERR_INVALID, "open %.200s: %s", p->path, wrong);
    }
    close(fd);
    return -1;
}

int place_open(const struct place *place, enum file_form form, unsigned mode,
               const struct file_owner *owner, struct err *err)
{
    int fd = -1;
    /* The file may appear and vanish between two tries. */
    for (int i = 0; i < MAX_RACES; i++) {
        fd = form == FILE_CREATE ? -1 : open_existing(place, form);
        if (fd >= 0)
            return judge(place, form, fd, err);
        if (form == FILE_READ || (form == FILE_APPEND && errno != ENOENT))
            break;
        fd = make(place, mode, owner, err);
        if (fd >= 0)
            return fd;
        if (errno == 0)
            return -1;
        if (errno != EEXIST || form == FILE_CREATE)
            break;
    }
    return errno == ELOOP ? fail_at_link(place, err) : fail(place, errno, "open", err);
}

int file_open(const char *path, enum file_form form, unsigned mode, const struct file_owner *owner,
              struct err *err)
{
    struct place place;
    if (place_find(path, &place, err) != 0)
        return -1;
    int fd = place_open(&place, form, mode, owner, err);
    place_leave(&place);
    return fd;
}

static int sync_directory(const struct place *place, struct err *err)
{
    int fd = openat(place->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 || fsync(fd) != 0 ? fail(place, errno, "sync the directory of", err) : 0;
    if (fd >= 0)
        close(fd);
    return result;
}

int place_put(const struct place *place, const char *from, struct err *err)
{
    if (renameat(place->dir, from, place->dir, place->name) != 0)
        return fail(place, errno, "rename to", err);
    return sync_directory(place, err);
}

/* A second name cannot replace a file, as a rename would. */
int place_put_new(const struct place *place, const char *from, struct err *err)
{
    if (linkat(place->dir, from, place->dir, place->name, 0) != 0)
        return fail(place, errno, "make", err);
    if (unlinkat(place->dir, from, 0) != 0)
        return fail(place, errno, "remove the first name of", err);
    return sync_directory(place, err);
}
