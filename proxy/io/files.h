/* Small files: state, certificates. All go through io/place.h. Blocking calls are for start and
 * reload; file_replace_later runs on a helper. */
#ifndef IO_FILES_H
#define IO_FILES_H

#include "base/buf.h"
#include "base/err.h"
#include "io/offload.h"
#include "io/place.h"

/* Appends the file's bytes to `out` (its cap is the limit: ERR_LIMIT beyond). */
int file_read(const char *path, struct buf *out, struct err *err) MUST_USE;
/* Writes path.tmp with `mode`, fsyncs, renames over path, fsyncs the directory. */
int file_replace(const char *path, struct slice data, unsigned mode, struct err *err) MUST_USE;
/* The same for a file that root writes for the server's user (NULL: for us). */
int file_replace_for(const char *path, struct slice data, unsigned mode,
                     const struct file_owner *owner, struct err *err) MUST_USE;
/* The same as file_replace on a helper thread; copies what it needs. `failed` (may be NULL) is
 * called on the loop if it did not work. */
void file_replace_later(struct offload *off, const char *path, struct slice data, unsigned mode,
                        void (*failed)(void *ctx, const struct err *err), void *ctx);
/* Makes a directory (one level) with exactly `mode`; fine if it is there. It is given to the owner
 * (may be NULL) if this call made it, or if it is root's and stands where only root may write. */
int directory_make(const char *path, unsigned mode, const struct file_owner *owner,
                   struct err *err) MUST_USE;

#endif
