/* A file whose first line is a secret: a password, a client secret, a token. The product's rules
 * stand here once: who else may read the file, and what its line may hold. The configuration reads
 * such files at the start, and other code reads them again later. */
#ifndef BASE_SECRET_FILE_H
#define BASE_SECRET_FILE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"

/* Returns whether everybody may read the file at the path with this mode. The user cannot choose
 * the mode of a secret of a container or of systemd, so there it only deserves a warning. */
enum secret_exposure { SECRET_GUARDED, SECRET_SHOWN_BY_MANAGER, SECRET_SHOWN };
enum secret_exposure secret_file_exposure(const char *path, unsigned mode);

/* Opens a regular file for reading. It does not wait for a writer when the path is a FIFO. Returns
 * -1 with errno, which is EINVAL for anything but a regular file. */
int secret_file_open(const char *path, struct stat *st_r) MUST_USE;

/* Reads up to `size` bytes. Returns -1 with errno. */
ssize_t secret_file_bytes(int fd, char *bytes, size_t size) MUST_USE;

/* Gives the path that a configured name means: `credential:NAME` lies in $CREDENTIALS_DIRECTORY.
 * Returns NULL if that variable is not set. */
char *secret_file_path(const char *name);

/* Reads the first line without its line end. Gives the secret, or NULL with err, whose words never
 * show the content. ERR_PERMISSION with a nonzero *mode_r means that the file was opened and that
 * everybody may read it. *mode_r is 0 until the file is open, then its permission bits. This blocks
 * as long as the disk does, so it is never called on the loop. */
struct secret *secret_file_read(const char *path, unsigned *mode_r, struct err *err);

#endif
