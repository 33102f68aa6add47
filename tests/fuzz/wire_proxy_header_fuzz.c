/* PROXY headers: what is taken is whole, within the caps and made of valid addresses; what is asked
 * for is never more than belongs to it; a header that was read in the pieces that it asked for
 * gives the same. */
#include <string.h>

#include "base/caps.h"
#include "fuzz.h"
#include "wire/proxy_header.h"

static void check_taken(const struct proxy_header *h, size_t size)
{
    CHECK(h->length > 0 && h->length <= size && h->length <= CAP_PROXY_HEADER);
    CHECK(h->has_addresses == (h->source.family != ADDR_NONE) &&
          h->has_addresses == (h->destination.family != ADDR_NONE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_make(data, size);
    struct proxy_header whole, part;
    enum proxy_header_step step = proxy_header_parse(in, &whole);
    CHECK((step == PROXY_HEADER_BAD) == (whole.why != NULL));
    CHECK((step == PROXY_HEADER_MORE) == (whole.need > 0));
    if (step == PROXY_HEADER_DONE)
        check_taken(&whole, size);
    else
        CHECK(!whole.has_addresses);
    size_t had = 0;
    while (had < size && proxy_header_parse(slice_head(in, had), &part) == PROXY_HEADER_MORE)
        had += part.need;
    if (step == PROXY_HEADER_DONE) {
        CHECK(had == whole.length);
        CHECK(proxy_header_parse(slice_head(in, had), &part) == PROXY_HEADER_DONE);
        CHECK(part.length == whole.length && addr_equal(&part.source, &whole.source) &&
              part.source.port == whole.source.port);
    }
    return 0;
}
