/* Whose name goes into AUTH: with the account, the key of its pool. Pure. */
#ifndef DELIVERY_IDENTITY_H
#define DELIVERY_IDENTITY_H

#include "config/config.h"

/* sender: as the upstream hears it; NULL: not known yet. Lends one of its arguments' names; NULL:
 * the sender decides, and it is not known. */
const char *delivery_identity(const struct upstream_config *u, const char *sender);

#endif
