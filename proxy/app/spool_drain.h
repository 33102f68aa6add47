/* The command `spool drain` works where no server runs, too. This process then sends what lies in
 * the spool, as a server would. */
#ifndef APP_SPOOL_DRAIN_H
#define APP_SPOOL_DRAIN_H

#include "app/control_request.h"
#include "base/err.h"
#include "config/config.h"

/* Takes the request. Appends the answer's lines to `out`. Returns -1 if nothing could be tried;
 * ERR_IN_USE: another process has the spool. */
int spool_drain_files(struct config *config, struct control_request *request, struct buf *out,
                      struct err *err) MUST_USE;

#endif
