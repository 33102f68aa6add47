/* The log beside a message: as it is, and each of its lines with a good CRC before it. The counts
 * add up, and what was served stays served however the log goes on. */
#include <inttypes.h>

#include "base/caps.h"
#include "fuzz.h"
#include "spool/crc32c.h"
#include "spool/history.h"

enum { PEOPLE = 3 };

static void check(struct slice log)
{
    struct history h, half;
    history_init(&h, PEOPLE);
    history_init(&half, PEOPLE);
    size_t good = history_read(&h, "id", log);
    CHECK(good <= log.len && (good == 0 || log.data[good - 1] == '\n'));
    struct history_count c = history_count(&h);
    CHECK(c.waiting + c.refused + c.served + c.failed == PEOPLE);
    history_read(&half, "id", slice_head(log, log.len / 2));
    for (size_t i = 0; i < PEOPLE; i++)
        CHECK(half.recipients[i].fate != FATE_SERVED || h.recipients[i].fate == FATE_SERVED);
    CHECK(half.tries <= h.tries && half.bounces <= h.bounces);
    history_free(&h);
    history_free(&half);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_make(data, size), rest = in;
    struct buf b;
    check(in);
    buf_init(&b, size * 10 + 10);
    while (rest.len) {
        struct slice line = slice_head(rest, slice_find(rest, '\n'));
        CHECK(buf_printf(&b, "%08" PRIx32 " ", crc32c(crc32c(0, slice_of("id")), line)));
        CHECK(buf_append_slice(&b, line) && buf_append(&b, "\n", 1));
        rest = slice_from(rest, line.len + 1);
    }
    check(buf_view(&b));
    buf_free(&b);
    return 0;
}
