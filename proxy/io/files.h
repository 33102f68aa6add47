/* Small files: state and certificates. All of them go through io/place.h. The blocking calls are
 * for start and reload; file_replace_later runs on a helper. */
#ifndef IO_FILES_H
#define IO_FILES_H

#include "base/buf.h"
#include "base/err.h"
#include "io/offload.h"
#include "io/place.h"

/* Appends the file's bytes to `out`. The cap of `out` is the limit, beyond which the error is
 * ERR_LIMIT. */
int file_read(const char *path, struct buf *out, struct err *err) MUST_USE;
/* Writes path.tmp with `mode`, fsyncs it, renames it over path and fsyncs the directory. */
int file_replace(const char *path, struct slice data, unsigned mode, struct err *err) MUST_USE;
/* Does what file_replace does for a file that root writes for the server's user. owner may be NULL:
 * then the file stays ours. */
int file_replace_for(const char *path, struct slice data, unsigned mode,
                     const struct file_owner *owner, struct err *err) MUST_USE;
/* Writes a file that is not there yet, whole or not at all, and fsyncs it and its directory.
 * ERR_EXISTS: a file of that name exists, and stays as it is. */
int file_create_for(const char *path, struct slice data, unsigned mode,
                    const struct file_owner *owner, struct err *err) MUST_USE;
/* Does what file_replace does on a helper thread. Copies path and data. If it fails, `failed`,
 * which may be NULL, is called on the loop. */
void file_replace_later(struct offload *off, const char *path, struct slice data, unsigned mode,
                        void (*failed)(void *ctx, const struct err *err), void *ctx);
/* Makes a directory (one level) with exactly `mode`. It may exist already. It is given to the owner
 * (which may be NULL) if this call made it, or if it is root's and only root may write where it
 * is. */
int directory_make(const char *path, unsigned mode, const struct file_owner *owner,
                   struct err *err) MUST_USE;

#endif
