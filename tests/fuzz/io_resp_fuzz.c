/* An engine's octets as replies. The first octet is the size of the pieces they arrive in: pieces
 * change nothing, a value keeps its caps, and nothing comes after what is bad. */
#include <string.h>

#include "base/caps.h"
#include "fuzz.h"
#include "io/resp.h"

/* Adds up what was said, so that two readings can be compared. */
struct sum {
    uint64_t hash;
    size_t values;
};

static void add(struct sum *s, const void *data, size_t n)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < n; i++)
        s->hash = (s->hash ^ at[i]) * 1099511628211u;
    s->hash = (s->hash ^ n) * 1099511628211u;
}

static void add_value(struct sum *s, const struct engine_value *v, bool is_item)
{
    int64_t kind = v->kind;
    add(s, &kind, sizeof kind);
    switch (v->kind) {
    case ENGINE_NIL: break;
    case ENGINE_INTEGER: add(s, &v->number, sizeof v->number); break;
    case ENGINE_TEXT:
    case ENGINE_ERROR:
        CHECK(v->text.len <= CAP_ENGINE_REPLY && v->text.data[v->text.len] == 0);
        add(s, v->text.data, v->text.len);
        break;
    case ENGINE_ARRAY:
        CHECK(!is_item && v->n <= CAP_ENGINE_ITEMS && (v->items != NULL) == (v->n > 0));
        for (size_t i = 0; i < v->n; i++)
            add_value(s, &v->items[i], true);
        break;
    }
}

static struct sum read_all(struct slice in, size_t piece)
{
    struct sum s = {0};
    const struct engine_value *v;
    enum resp_step step = RESP_MORE;
    struct resp *r = resp_new();
    while (in.len && step == RESP_MORE) {
        struct slice part = slice_head(in, piece);
        in = slice_from(in, part.len);
        if (!resp_feed(r, part)) {
            step = RESP_BAD;
            break;
        }
        while ((step = resp_next(r, &v)) == RESP_VALUE) {
            add_value(&s, v, false);
            s.values++;
        }
        CHECK(!v);
    }
    if (step == RESP_BAD) {
        CHECK(resp_fault(r)[0] && !resp_feed(r, slice_of("+OK\r\n")));
        CHECK(resp_next(r, &v) == RESP_BAD && !v);
    }
    s.values = s.values * 4 + (step == RESP_BAD);
    resp_free(&r);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Beyond the cap a longer piece is refused before the values in it are read. */
    if (size == 0 || size > CAP_ENGINE_REPLY)
        return 0;
    struct slice in = slice_make(data + 1, size - 1);
    struct sum whole = read_all(in, in.len ? in.len : 1);
    struct sum pieces = read_all(in, data[0] % 64 + 1u);
    CHECK(whole.values == pieces.values && whole.hash == pieces.hash);
    return 0;
}
