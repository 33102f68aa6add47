/* The spool's control socket, DIR/control: commands of the same machine ask the running server
 * (control_request.h). Only root and the server's user are heard, a few at a time, each with a
 * deadline. */
#ifndef APP_CONTROL_H
#define APP_CONTROL_H

#include "app/control_drain.h"
#include "base/err.h"
#include "io/io.h"
#include "spool/spool.h"

struct control;

/* Gives. Keeps io and spool, copies host; `directory` is the spool's, which this process has
 * locked. */
struct control *control_new(const struct io *io, struct spool *spool,
                            const struct control_host *host, const char *directory,
                            struct err *err) MUST_USE;
/* The socket goes, and all connections. To be called before the spool is freed. *control may be
 * NULL. */
void control_free(struct control **control);
/* Gives the path "DIR/control". */
char *control_path(const char *directory);

#endif
