/* The name that goes into AUTH. Together with the account it is the key of the pool. It only
 * computes. */
#ifndef DELIVERY_IDENTITY_H
#define DELIVERY_IDENTITY_H

#include "config/config.h"

/* The `sender` is the address that the upstream gets, or NULL if it is not known yet. Borrows a
 * name from one of the arguments. Returns NULL if the sender decides and is not known. */
const char *delivery_identity(const struct upstream_config *u, const char *sender);

#endif
