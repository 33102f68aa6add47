/* Refusals that a line of the configuration would cure: the upstream's words -> what to set. The
 * client hears the upstream's words; this is for the log. */
#ifndef MAIL_EXPLAIN_H
#define MAIL_EXPLAIN_H

#include "config/config.h"
#include "wire/reply.h"

/* What may help, in words for the operator, or NULL: nothing that is known. Never advises what the
 * account has already. */
const char *explain_refusal(const struct reply *reply, const struct upstream_config *u);

#endif
