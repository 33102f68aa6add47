/* Makes an answer of the server half from a reply. RFC 2034: every 2xx, 4xx and 5xx has an enhanced
 * code, so a missing one becomes x.0.0. */
#ifndef RELAY_ANSWER_H
#define RELAY_ANSWER_H

#include "smtp/server.h"
#include "wire/reply.h"

void answer_with(struct smtp_server_command *cmd, const struct reply *reply, bool from_upstream);
/* The same with smtp_server_refuse_body. */
void answer_body_with(struct smtp_server *server, const struct reply *reply, bool from_upstream);
/* Makes a reply for the log from an answer that the server half made itself, with the id that it
 * ended with. `out` must be initialised. */
void answer_keep(struct reply *out, const struct answer *answer, const char *id);

#endif
