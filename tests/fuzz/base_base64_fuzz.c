/* Base64 both ways: what is taken has exactly one spelling, and a refusal leaves the buffer as it
 * was. */
#include "base/base64.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_make(data, size);
    struct buf plain, text;
    buf_init(&plain, size);
    buf_init(&text, (size + 2) / 3 * 4);
    if (base64_decode(in, &plain)) {
        CHECK(base64_encode(buf_view(&plain), &text));
        CHECK(slice_equal(buf_view(&text), in));
    }
    CHECK(size % 4 == 0 || plain.len == 0);
    buf_clear(&plain);
    buf_clear(&text);
    CHECK(base64_encode(in, &text) && text.len == text.cap);
    CHECK(base64_decode(buf_view(&text), &plain) && slice_equal(buf_view(&plain), in));
    size_t before = plain.len;
    CHECK(size == 0 || (!base64_decode(buf_view(&text), &plain) && plain.len == before));
    buf_free(&plain);
    buf_free(&text);
    return 0;
}
