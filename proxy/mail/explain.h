/* Refusals that a line of the configuration would fix: from the upstream's words to the key to set.
 * The client gets the upstream's words. This is for the log. */
#ifndef MAIL_EXPLAIN_H
#define MAIL_EXPLAIN_H

#include "config/config.h"
#include "wire/reply.h"

/* Returns what may help, in words for the operator, or NULL if nothing is known. Never advises what
 * the account already has. */
const char *explain_refusal(const struct reply *reply, const struct upstream_config *u);

#endif
