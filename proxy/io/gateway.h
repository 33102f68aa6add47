/* The way out of this machine. */
#ifndef IO_GATEWAY_H
#define IO_GATEWAY_H

#include <stdbool.h>

#include "base/addr.h"

/* Is this the address of a default gateway? Reads the kernel's table: a rare question, for a
 * warning. */
bool gateway_is(const struct addr *a);

#endif
