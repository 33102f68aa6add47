/* The file of what was learnt, which a restart reads and does not trust. What must hold: every
 * record keeps to its limits; what was read can be written; and what was written reads the same. */
#include <string.h>

#include "fuzz.h"
#include "upstream/memory_text.h"

static void check_entry(const struct memory_entry *e)
{
    CHECK(e->account && e->host);
    CHECK(e->record.nbdat <= CAP_MEMORY_PORTS && e->record.naddresses <= CAP_DNS_ADDRESSES);
    CHECK(e->record.facts.known || !e->record.facts.has_size);
    CHECK(e->record.facts.has_size || e->record.facts.size == 0);
    for (size_t i = 0; i < e->record.naddresses; i++)
        CHECK(e->record.addresses[i].family == ADDR_V4 || e->record.addresses[i].family == ADDR_V6);
}

static bool print(const struct memory_entry *entries, size_t n, struct buf *out)
{
    buf_init(out, 1024 * 1024);
    return memory_print(entries, n, out);
}

static void clear(struct memory_entry *entries, size_t n)
{
    for (size_t i = 0; i < n; i++)
        memory_entry_free(&entries[i]);
    free(entries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char head[] = "smtp-detour upstreams 1\n";
    struct memory_entry *entries, *again;
    size_t n, nagain;
    struct buf in, once, twice;
    buf_init(&in, 65536);
    if (!buf_append(&in, head, sizeof head - 1) || !buf_append(&in, data, size))
        return 0;
    memory_parse(buf_view(&in), &entries, &n);
    CHECK(n <= CAP_MEMORY_ENTRIES);
    for (size_t i = 0; i < n; i++)
        check_entry(&entries[i]);
    CHECK(print(entries, n, &once));
    memory_parse(buf_view(&once), &again, &nagain);
    CHECK(nagain == n);
    CHECK(print(again, nagain, &twice));
    CHECK(slice_equal(buf_view(&once), buf_view(&twice)));
    for (size_t i = 0; i < n; i++)
        CHECK(strcmp(entries[i].account, again[i].account) == 0 &&
              strcmp(entries[i].host, again[i].host) == 0);
    clear(entries, n);
    clear(again, nagain);
    buf_free(&in);
    buf_free(&once);
    buf_free(&twice);
    return 0;
}
