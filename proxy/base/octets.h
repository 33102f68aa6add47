/* Octets that can be read from any place, again and again: of memory, of a file, or of others that
 * are encoded meanwhile. */
#ifndef BASE_OCTETS_H
#define BASE_OCTETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct octets {
    uint64_t size;
    /* Fills `out` with the n octets from `offset` on, all of which lie below `size`. It changes
     * nothing that another thread might look at. Returns false if they cannot be read. */
    bool (*read)(void *ctx, uint64_t offset, char *out, size_t n);
    void *ctx;
};

#endif
