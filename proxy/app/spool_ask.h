/* A request to the spool: through the control socket of the server that has it, else on the files
 * under their lock. */
#ifndef APP_SPOOL_ASK_H
#define APP_SPOOL_ASK_H

#include "app/control_client.h"
#include "base/err.h"
#include "config/config.h"

/* Takes the request. Calls `told` for each message of the answer. Returns the exit status;
 * `words_r` gives the last words of the answer, or what went wrong. */
int spool_ask(struct config *config, struct control_request *request, control_told *told, void *ctx,
              char **words_r);

#endif
