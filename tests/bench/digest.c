#include "bench/digest.h"

#include <string.h>

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static size_t skip_header(struct digest *d, const char *data, size_t len)
{
    static const char blank[4] = {'\r', '\n', '\r', '\n'};
    size_t i = 0;
    while (i < len && d->blank_line < 4) {
        char c = data[i++];
        if (c == blank[d->blank_line])
            d->blank_line++;
        else
            d->blank_line = c == '\r';
    }
    return i;
}

static void feed_byte(struct digest *d, char c)
{
    d->part |= (uint64_t)(unsigned char)c << (8 * d->part_len++);
    if (d->part_len == 8) {
        d->sum = d->sum * DIGEST_K + d->part;
        d->part = 0;
        d->part_len = 0;
    }
}

void digest_feed(struct digest *d, const char *data, size_t len)
{
    if (d->blank_line < 4) {
        size_t skipped = skip_header(d, data, len);
        data += skipped;
        len -= skipped;
    }
    d->len += len;
    for (; len && d->part_len; data++, len--)
        feed_byte(d, *data);
    for (; len >= 8; data += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        d->sum = d->sum * DIGEST_K + word;
    }
    for (; len; data++, len--)
        feed_byte(d, *data);
}

uint64_t digest_end(struct digest *d)
{
    if (d->part_len)
        d->sum = d->sum * DIGEST_K + d->part;
    return mix(d->sum ^ mix(d->len));
}

uint64_t digest_words(const char *data, size_t len, uint64_t *power_r)
{
    struct digest d = {.blank_line = 4};
    digest_feed(&d, data, len);
    if (d.part_len)
        d.sum = d.sum * DIGEST_K + d.part;
    *power_r = 1;
    for (size_t i = 0; i < (len + 7) / 8; i++)
        *power_r *= DIGEST_K;
    return d.sum;
}

uint64_t digest_join(uint64_t first_sum, uint64_t power_of_rest, uint64_t rest_sum,
                     uint64_t body_len)
{
    return mix((first_sum * power_of_rest + rest_sum) ^ mix(body_len));
}
