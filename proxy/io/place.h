/* The one careful way to a file of ours: log, state, certificates, spool, tokens. They stand in
 * directories that the server's user may write, and root opens some of them at the start. Whoever
 * may write a directory can put a symbolic link, a hard link, a FIFO or another directory where our
 * file was expected, at any moment. Therefore the path is walked one directory at a time, each held
 * by a descriptor, and what stands at its end is judged after it was opened. Nothing here waits for
 * anybody. */
#ifndef IO_PLACE_H
#define IO_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* To whom a file is given that root makes for the server's user. A NULL owner: it stays ours. */
struct file_owner {
    uid_t uid;
    gid_t gid;
};

/* A directory and a name in it. */
struct place {
    /* A descriptor for path lookups (O_PATH). */
    int dir;
    /* Somebody other than root may write this directory, or one on the way to it. */
    bool exposed;
    /* The name is a link of /proc, which only the kernel makes (/dev/stdout leads there). */
    bool is_kernel_link;
    char name[NAME_MAX + 1];
    /* Borrowed from the caller, for messages. */
    const char *path;
};

/* Walks to the directory of `path`. A symbolic link is followed as long as only root may write the
 * directories on the way to it; below the first one that others may write (owner, group or
 * everybody) each link is an error; one that is the last part is not opened, but may be replaced.
 * place_leave closes what is held. */
int place_find(const char *path, struct place *place_r, struct err *err) MUST_USE;
void place_leave(struct place *place);

enum file_form {
    /* Reads what is there. */
    FILE_READ,
    /* Makes a new file for writing; one that is there already is an error. */
    FILE_CREATE,
    /* Writes at the end; makes the file if it is missing. */
    FILE_APPEND,
};

/* Opens the file, close-on-exec and without ever blocking. Gives the descriptor, or -1. It is a
 * regular file with exactly one name; only for FILE_APPEND, and only where root alone may write the
 * directories, it may be a FIFO or a device (a FIFO is opened for reading, too: so its reader may
 * come later). A file that this very call made gets exactly this mode, whatever the umask, and this
 * owner; one that was there keeps both. */
int place_open(const struct place *place, enum file_form form, unsigned mode,
               const struct file_owner *owner, struct err *err) MUST_USE;

/* place_find and place_open in one. */
int file_open(const char *path, enum file_form form, unsigned mode, const struct file_owner *owner,
              struct err *err) MUST_USE;

/* Renames a file of the place's directory to the place's own name, over what stands there, and
 * waits until the directory is on disk. */
int place_put(const struct place *place, const char *from, struct err *err) MUST_USE;

#endif
