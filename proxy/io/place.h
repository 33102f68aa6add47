/* The one careful way to open a file of ours: log, state, certificates, spool, tokens. The server's
 * user may write their directories, and root opens some of them at the start. A user with the right
 * to write a directory can replace our file by a symbolic link, a hard link, a FIFO or a directory
 * at any moment. Therefore the path is walked one directory at a time, each held by a descriptor,
 * and the file at its end is judged after it was opened. Nothing here blocks. */
#ifndef IO_PLACE_H
#define IO_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* The owner of a file that root makes for the server's user. Where NULL is passed, the file stays
 * ours. */
struct file_owner {
    uid_t uid;
    gid_t gid;
};

/* A directory and a name in it. */
struct place {
    /* A descriptor for path lookups (O_PATH). */
    int dir;
    /* A user other than root may write this directory, or one on the way to it. */
    bool exposed;
    /* The name is a link of /proc, which only the kernel can make. /dev/stdout leads to one. */
    bool is_kernel_link;
    char name[NAME_MAX + 1];
    /* Borrowed from the caller, for messages. */
    const char *path;
};

/* Walks to the directory of `path`. A symbolic link is followed as long as only root may write the
 * directories on the way to it. Below the first directory that others may write (owner, group or
 * everybody) each link is an error. A link that is the last part is not opened, but may be
 * replaced. place_leave closes the descriptor. */
int place_find(const char *path, struct place *place_r, struct err *err) MUST_USE;
void place_leave(struct place *place);

enum file_form {
    /* Reads an existing file. */
    FILE_READ,
    /* Makes a new file for writing. An existing file is an error. */
    FILE_CREATE,
    /* Appends. Makes the file if it is missing. */
    FILE_APPEND,
};

/* Opens the file, close-on-exec and without blocking. Gives the descriptor, or returns -1. It is a
 * regular file with exactly one name. Only for FILE_APPEND, and only if root alone may write the
 * directories, it may be a FIFO or a device. A FIFO is opened for reading, too, so that its reader
 * may come later. A file that this call makes gets exactly this mode, whatever the umask is, and
 * this owner. An existing file keeps both. */
int place_open(const struct place *place, enum file_form form, unsigned mode,
               const struct file_owner *owner, struct err *err) MUST_USE;

/* Does place_find and place_open. */
int file_open(const char *path, enum file_form form, unsigned mode, const struct file_owner *owner,
              struct err *err) MUST_USE;

/* Renames a file of the place's directory to the place's own name, replacing an existing file, and
 * waits until the directory is on disk. */
int place_put(const struct place *place, const char *from, struct err *err) MUST_USE;

/* Does the same, but an existing file is an error, ERR_EXISTS, and stays. */
int place_put_new(const struct place *place, const char *from, struct err *err) MUST_USE;

#endif
