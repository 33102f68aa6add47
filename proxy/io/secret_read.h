/* Reads the first line of a secret's file (base/secret_file has the rules) on a helper thread. A
 * mount that hangs costs the asker his deadline and a helper of the disk its time, nobody else
 * anything. */
#ifndef IO_SECRET_READ_H
#define IO_SECRET_READ_H

#include "base/secret.h"
#include "io/offload.h"

struct secret_read;

/* Called on the loop, later, once. The callee takes secret; NULL with err: it is not to be had. */
typedef void secret_read_fn(void *ctx, struct secret *secret, const struct err *err);

/* Copies path. The deadline counts from here. */
struct secret_read *secret_read(struct loop *loop, struct offload *disk, const char *path,
                                usec deadline, secret_read_fn *fn, void *ctx);
/* The callback does not come any more. NULL is fine. */
void secret_read_cancel(struct secret_read **read);

#endif
