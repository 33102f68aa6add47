/* CRC-32C (Castagnoli, RFC 3720 appendix B.4). It shows whether a file is torn or altered. */
#ifndef SPOOL_CRC32C_H
#define SPOOL_CRC32C_H

#include <stdint.h>

#include "base/slice.h"

/* Continues with `crc`, which is 0 at the beginning. */
uint32_t crc32c(uint32_t crc, struct slice octets);

#endif
