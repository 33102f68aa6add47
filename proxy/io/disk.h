/* The files of a spool, on one thread of its own: a flash card may take seconds to sync, and no
 * name lookup waits behind it. Calls run in the order in which they were made, except that a sync
 * of a directory runs after the calls that were waiting with it: one sync serves all renames and
 * removals that had finished before it began, and answers everybody who asked for one.
 *
 * A disk begins in blocking mode: each call runs at once, in the caller, and its callback comes
 * before the call returns. That is for the scan at the start and for commands without a server.
 * After disk_start each call returns at once and its callback comes from the loop.
 *
 * Names are relative to a directory that was opened before and hold no slash. Where nobody wants to
 * know, `fn` may be NULL (not for create, open and lock). */
#ifndef IO_DISK_H
#define IO_DISK_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "io/loop.h"

struct disk;
struct disk_directory;
struct disk_file;

/* One entry of a directory. "." and ".." and subdirectories are left out. */
struct disk_name {
    char *name;
    uint64_t size;
};

/* What the file system has left for us: octets, and files. files_total is 0 where it does not
 * count files. */
struct disk_room {
    uint64_t octets, octets_total;
    uint64_t files, files_total;
};

/* Borrowed until the callback returns, but for `file`, which the callback takes. */
struct disk_answer {
    /* NULL if it worked. ERR_FULL: there is no room. ERR_NOT_FOUND, ERR_EXISTS, ERR_PERMISSION.
     * ERR_IN_USE: another process holds the lock. ERR_SYSTEM: everything else, for example an input
     * or output error. */
    const struct err *err;
    /* A create, an open and a lock give this file. */
    struct disk_file *file;
    /* After a create or an open, the file has this many octets. */
    uint64_t size;
    /* A read gives fewer octets than were asked for at the end of the file, and none behind it. */
    struct slice data;
    /* A list gives these names. */
    const struct disk_name *names;
    size_t nnames;
    /* A question for room gives this. */
    struct disk_room room;
};

typedef void disk_fn(void *arg, const struct disk_answer *answer);

/* Gives; in blocking mode. */
struct disk *disk_new(struct loop *loop);
/* Calls run on the thread from here on. */
int disk_start(struct disk *disk, struct err *err) MUST_USE;
/* Ends after the call that is running (or leaves a thread that hangs in the system to the end of
 * the process). Calls that wait are dropped and their callbacks never come: as after a crash.
 * Files and directories must be closed before; closes that wait are done. NULL is fine. */
void disk_free(struct disk **disk);

/* Returns the octets of appends that wait or run. */
size_t disk_octets(const struct disk *disk);
/* More than CAP_DISK_BUSY of them: do not make more before some callback came. */
bool disk_is_busy(const struct disk *disk);

/* Opens a directory by its path, at once. With `make`, one that is missing is made, mode 0700
 * (one level). *dir_r is given; a symbolic link is refused. */
int disk_directory_open(struct disk *disk, const char *path, bool make,
                        struct disk_directory **dir_r, struct err *err) MUST_USE;
/* *dir may be NULL. */
void disk_directory_close(struct disk_directory **dir);

/* Makes a file that must not exist, mode 0600, for appending. */
void disk_create(struct disk *disk, struct disk_directory *dir, const char *name, disk_fn *fn,
                 void *arg);
/* Makes a file without a name, for appending: it is gone when it is closed, and with the
 * process. */
void disk_create_unnamed(struct disk *disk, struct disk_directory *dir, disk_fn *fn, void *arg);
/* Opens a file for reading, and for appending too. */
void disk_open(struct disk *disk, struct disk_directory *dir, const char *name, disk_fn *fn,
               void *arg);
/* Opens a file for appending; makes it where it is missing. */
void disk_open_log(struct disk *disk, struct disk_directory *dir, const char *name, disk_fn *fn,
                   void *arg);
/* Appends all octets of a buffer and takes them. After an error any part of them may be there. */
void disk_append(struct disk *disk, struct disk_file *file, struct buf *octets, disk_fn *fn,
                 void *arg);
/* The file's octets are on the disk afterwards. Never repeat one that failed: the kernel may have
 * dropped the octets, and a second sync may say that all is well. */
void disk_sync(struct disk *disk, struct disk_file *file, disk_fn *fn, void *arg);
/* Up to CAP_DISK_CHUNK octets. */
void disk_read(struct disk *disk, struct disk_file *file, uint64_t offset, size_t len, disk_fn *fn,
               void *arg);
/* Reads all n octets at once, on the caller's thread, which may be any. Nobody closes the file
 * meanwhile. Returns false if they can not be read. */
bool disk_read_now(const struct disk_file *file, uint64_t offset, char *out, size_t n);
/* Cuts a file down to `size` octets. */
void disk_cut(struct disk *disk, struct disk_file *file, uint64_t size, disk_fn *fn, void *arg);
/* Takes; there is no answer. NULL is fine. */
void disk_close(struct disk *disk, struct disk_file **file);
/* Replaces a file that has the new name. */
void disk_rename(struct disk *disk, struct disk_directory *from, const char *name,
                 struct disk_directory *to, const char *new_name, disk_fn *fn, void *arg);
void disk_unlink(struct disk *disk, struct disk_directory *dir, const char *name, disk_fn *fn,
                 void *arg);
void disk_sync_directory(struct disk *disk, struct disk_directory *dir, disk_fn *fn, void *arg);
void disk_list(struct disk *disk, struct disk_directory *dir, disk_fn *fn, void *arg);
void disk_room(struct disk *disk, struct disk_directory *dir, disk_fn *fn, void *arg);
/* Makes the file where it is missing and locks it until it is closed. */
void disk_lock(struct disk *disk, struct disk_directory *dir, const char *name, disk_fn *fn,
               void *arg);

#endif
