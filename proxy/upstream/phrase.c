#include "upstream/phrase.h"

#include <stdio.h>

#include "base/caps.h"

struct slice phrase_number(int64_t n, char out[PHRASE_NUMBER])
{
    return slice_make(out, (size_t)snprintf(out, PHRASE_NUMBER, "%lld", (long long)n));
}

struct slice phrase_ms(usec t, char out[PHRASE_NUMBER])
{
    return phrase_number(t / USEC_PER_MS, out);
}

int64_t phrase_read(const struct engine_value *value, size_t i)
{
    return value->kind == ENGINE_ARRAY && i < value->n && value->items[i].kind == ENGINE_INTEGER
               ? value->items[i].number
               : 0;
}

unsigned phrase_count(const struct engine_value *value, size_t i)
{
    int64_t n = phrase_read(value, i);
    return n <= 0 ? 0 : n > CAP_CLUSTER_SESSIONS ? CAP_CLUSTER_SESSIONS : (unsigned)n;
}
