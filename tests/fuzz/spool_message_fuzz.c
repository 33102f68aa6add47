/* The file of a message. The CRC is made good first, or nothing would ever be read; what is read is
 * written again as the same octets. */
#include <inttypes.h>
#include <string.h>

#include "base/caps.h"
#include "fuzz.h"
#include "spool/crc32c.h"
#include "spool/format.h"
#include "spool/words.h"

static void check_head(struct slice in)
{
    struct spool_envelope e;
    size_t len;
    if (spool_head_parse(in, &e, &len) != SPOOL_HEAD_OK)
        return;
    struct buf again;
    buf_init(&again, CAP_SPOOL_HEAD);
    CHECK(len <= in.len && e.nrecipients > 0 && spool_id_is_valid(e.id));
    CHECK(spool_head_write(&again, &e));
    spool_envelope_free(&e);
    struct slice written = slice_make(again.data + again.head, again.len);
    struct spool_envelope second;
    size_t second_len;
    CHECK(spool_head_parse(written, &second, &second_len) == SPOOL_HEAD_OK);
    CHECK(second_len == written.len);
    spool_envelope_free(&second);
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_make(data, size);
    struct spool_tail t;
    struct buf b;
    check_head(in);
    buf_init(&b, size + 32);
    CHECK(buf_append_slice(&b, in));
    CHECK(buf_printf(&b, "head %08" PRIx32 "\n", crc32c(0, in)));
    check_head(buf_view(&b));
    buf_free(&b);
    if (size >= SPOOL_TAIL_SIZE) {
        struct slice tail = slice_from(in, size - SPOOL_TAIL_SIZE);
        if (spool_tail_parse(tail, size, &t))
            CHECK(t.head + t.body + SPOOL_TAIL_SIZE == size);
        spool_tail_agrees(tail, crc32c(0, slice_head(in, size - SPOOL_TAIL_SIZE)));
    }
    return 0;
}
