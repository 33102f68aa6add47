/* A message for a service that reads its recipients from the header. What is made of it is made
 * of itself again, octet for octet, and its body is the one that came. */
#include <string.h>

#include "api/recipients.h"
#include "fuzz.h"

static bool read_octets(void *ctx, uint64_t offset, char *out, size_t n)
{
    memcpy(out, (const char *)ctx + offset, n);
    return true;
}

static char *complete(void *ctx, const struct address *a)
{
    (void)ctx, (void)a;
    return slice_string(slice_of("a@x.test"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const list[] = {"a@x.test", "\"b c\"@x.test"};
    const struct api_recipients r = {list, 2, complete, NULL};
    struct api_message m, again;
    char words[60];
    enum api_fit fit = api_message_make(
        &m, &r, (struct octets){size, read_octets, (void *)(uintptr_t)data}, words, sizeof words);
    CHECK(strlen(words) < sizeof words);
    for (const char *c = words; *c; c++)
        CHECK(*c >= ' ' && *c < 127);
    if (fit == API_FITS) {
        CHECK(api_message_make(&again, &r, m.octets, words, sizeof words) == API_FITS);
        CHECK(slice_equal(buf_view(&again.header), buf_view(&m.header)));
        CHECK(again.octets.size == m.octets.size);
        CHECK(m.octets.size - m.header.len == size - m.body_at);
        api_message_clear(&again);
    }
    api_message_clear(&m);
    return 0;
}
