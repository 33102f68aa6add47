/* From a reply as we keep it to an answer of the server half. RFC 2034: every 2xx, 4xx and 5xx
 * carries an enhanced code, so one that is missing becomes x.0.0. */
#ifndef RELAY_ANSWER_H
#define RELAY_ANSWER_H

#include "smtp/server.h"
#include "wire/reply.h"

void answer_with(struct smtp_server_command *cmd, const struct reply *reply, bool from_upstream);
/* smtp_server_refuse_body */
void answer_body_with(struct smtp_server *server, const struct reply *reply, bool from_upstream);
/* The way back, for the log: a reply that the server half made, and how it ended with the id. `out`
 * is initialised. */
void answer_keep(struct reply *out, const struct answer *answer, const char *id);

#endif
