/* A file whose first line is a secret: a password, a client secret, a token. The rules of the
 * product stand here once (who else may read it, what its line may hold), for the configuration
 * that reads it at the start and for whoever reads it again later. */
#ifndef BASE_SECRET_FILE_H
#define BASE_SECRET_FILE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"

/* Whether everybody may read the file behind an open descriptor. Secrets of containers and of
 * systemd have modes that the user cannot choose: there it is only worth a warning. */
enum secret_exposure { SECRET_GUARDED, SECRET_SHOWN_BY_MANAGER, SECRET_SHOWN };
enum secret_exposure secret_file_exposure(const char *path, unsigned mode);

/* Opens a regular file for reading; a FIFO without a writer does not hold it up. -1 with errno,
 * which is EINVAL for what is no regular file. */
int secret_file_open(const char *path, struct stat *st_r) MUST_USE;

/* Reads up to `size` bytes. -1 with errno. */
ssize_t secret_file_bytes(int fd, char *bytes, size_t size) MUST_USE;

/* Gives the path that a configured name means: `credential:NAME` lies in $CREDENTIALS_DIRECTORY.
 * NULL: that variable is not set. */
char *secret_file_path(const char *name);

/* Reads the first line, without its line end. Gives; NULL with err, whose words never show the
 * content. ERR_PERMISSION with *mode_r set: it was opened, and everybody may read it. mode_r
 * gets the permission bits once the file is open, 0 before. Blocks as long as the disk does:
 * never called on the loop. */
struct secret *secret_file_read(const char *path, unsigned *mode_r, struct err *err);

#endif
