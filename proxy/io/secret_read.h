/* Reads the first line of a secret's file (the rules are in base/secret_file) on a helper thread. A
 * mount that hangs costs the caller its deadline and occupies one helper of the disk. Nothing else
 * is delayed. */
#ifndef IO_SECRET_READ_H
#define IO_SECRET_READ_H

#include "base/secret.h"
#include "io/offload.h"

struct secret_read;

/* Is called on the loop, later, once. The callee takes secret. NULL with err means that it could
 * not be read. */
typedef void secret_read_fn(void *ctx, struct secret *secret, const struct err *err);

/* Copies path. The deadline counts from this call. */
struct secret_read *secret_read(struct loop *loop, struct offload *disk, const char *path,
                                usec deadline, secret_read_fn *fn, void *ctx);
/* The callback is not called any more. *read may be NULL. */
void secret_read_cancel(struct secret_read **read);

#endif
