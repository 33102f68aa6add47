/* The default route of this machine. */
#ifndef IO_GATEWAY_H
#define IO_GATEWAY_H

#include <stdbool.h>

#include "base/addr.h"

/* Returns whether this is the address of a default gateway. Reads the kernel's table, so call it
 * rarely, for a warning. */
bool gateway_is(const struct addr *a);

#endif
