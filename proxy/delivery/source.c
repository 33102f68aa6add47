#include "delivery/source.h"

static enum source_state next_of_slice(void *ctx, uint64_t offset, struct slice *octets_r)
{
    const struct slice *octets = ctx;
    *octets_r = slice_from(*octets, (size_t)offset);
    return octets_r->len ? SOURCE_OCTETS : SOURCE_END;
}

struct body_source source_of_slice(struct slice *octets)
{
    return (struct body_source){.next = next_of_slice, .ctx = octets};
}
