/* Unsigned decimals as in SIZE (RFC 1870). */
#ifndef WIRE_DECIMAL_H
#define WIRE_DECIMAL_H

#include <stdint.h>

#include "base/slice.h"

/* Accepts 1 to 20 digits and nothing else. A number beyond 64 bits becomes UINT64_MAX, which is
 * larger than anything it is compared with. */
bool decimal_parse(struct slice in, uint64_t *value_r);

#endif
