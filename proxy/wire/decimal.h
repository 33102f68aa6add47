/* Unsigned decimals as SIZE carries them (RFC 1870). */
#ifndef WIRE_DECIMAL_H
#define WIRE_DECIMAL_H

#include <stdint.h>

#include "base/slice.h"

/* 1 to 20 digits and nothing else. A number beyond 64 bits becomes UINT64_MAX: it is too large for
 * anything it is compared with. */
bool decimal_parse(struct slice in, uint64_t *value_r);

#endif
