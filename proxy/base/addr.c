#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* This is the length of the prefix ::ffff:0:0 of IPv4-mapped addresses (RFC 4291 2.5.5.2). */
#define MAPPED_BITS 96

/* Reads a decimal of at most `max`, without sign, blanks or leading zeros. */
static bool parse_decimal(struct slice text, unsigned long max, unsigned long *value_r)
{
    unsigned long value = 0;
    if (text.len == 0 || text.len > 10 || (text.len > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!ascii_is_digit(text.data[i]))
            return false;
        value = value * 10 + (unsigned long)(text.data[i] - '0');
    }
    *value_r = value;
    return value <= max;
}

bool addr_parse(struct slice text, struct addr *addr_r)
{
    char copy[ADDR_TEXT];
    struct addr a = {0};
    if (text.len >= 2 && text.data[0] == '[' && text.data[text.len - 1] == ']') {
        text = slice_make(text.data + 1, text.len - 2);
        if (slice_find(text, ':') == text.len)
            return false;
    }
    size_t percent = slice_find(text, '%');
    if (percent < text.len) {
        unsigned long scope;
        if (!parse_decimal(slice_from(text, percent + 1), UINT32_MAX, &scope))
            return false;
        a.scope = (uint32_t)scope;
        text = slice_head(text, percent);
    }
    if (text.len == 0 || text.len >= sizeof copy || memchr(text.data, 0, text.len))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    if (inet_pton(AF_INET, copy, a.bytes) == 1 && !a.scope)
        a.family = ADDR_V4;
    else if (inet_pton(AF_INET6, copy, a.bytes) == 1)
        a.family = ADDR_V6;
    else
        return false;
    *addr_r = a;
    return true;
}

bool addr_parse_with_port(struct slice text, struct addr *addr_r)
{
    size_t colon = text.len;
    while (colon > 0 && text.data[colon - 1] != ':')
        colon--;
    unsigned long port;
    if (colon == 0 || !parse_decimal(slice_from(text, colon), 65535, &port))
        return false;
    struct slice host = slice_head(text, colon - 1);
    if (slice_find(host, ':') < host.len && host.data[0] != '[')
        return false;
    if (!addr_parse(host, addr_r))
        return false;
    addr_r->port = (uint16_t)port;
    return true;
}

static unsigned bits_of(const struct addr *a)
{
    return a->family == ADDR_V4 ? 32 : 128;
}

static bool bit_is_set(const struct addr *a, unsigned bit)
{
    return (a->bytes[bit / 8] >> (7 - bit % 8)) & 1;
}

bool network_parse(struct slice text, struct network *network_r)
{
    struct network n;
    size_t slash = slice_find(text, '/');
    if (!addr_parse(slice_head(text, slash), &n.base))
        return false;
    n.bits = bits_of(&n.base);
    if (slash < text.len) {
        unsigned long bits;
        if (!parse_decimal(slice_from(text, slash + 1), n.bits, &bits))
            return false;
        n.bits = (unsigned)bits;
    }
    for (unsigned bit = n.bits; bit < bits_of(&n.base); bit++)
        if (bit_is_set(&n.base, bit))
            return false;
    struct addr unmapped = addr_unmap(&n.base);
    if (unmapped.family != n.base.family && n.bits >= MAPPED_BITS) {
        n.base = unmapped;
        n.bits -= MAPPED_BITS;
    }
    *network_r = n;
    return true;
}

const char *addr_text(const struct addr *a, char out[ADDR_TEXT])
{
    if (a->family == ADDR_NONE ||
        !inet_ntop(a->family == ADDR_V4 ? AF_INET : AF_INET6, a->bytes, out, ADDR_TEXT))
        strcpy(out, "-");
    return out;
}

const char *addr_text_with_port(const struct addr *a, char out[ADDR_TEXT])
{
    char host[ADDR_TEXT];
    addr_text(a, host);
    snprintf(out, ADDR_TEXT, a->family == ADDR_V6 ? "[%.45s]:%u" : "%.45s:%u", host,
             (unsigned)a->port);
    return out;
}

const char *addr_text_literal(const struct addr *a, char out[ADDR_TEXT])
{
    char host[ADDR_TEXT];
    addr_text(a, host);
    snprintf(out, ADDR_TEXT, a->family == ADDR_V6 ? "[IPv6:%.45s]" : "[%.45s]", host);
    return out;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, a->family == ADDR_V4 ? 4 : 16) == 0;
}

struct addr addr_unmap(const struct addr *a)
{
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    if (a->family != ADDR_V6 || memcmp(a->bytes, prefix, sizeof prefix) != 0)
        return *a;
    struct addr v4 = {.family = ADDR_V4, .port = a->port};
    memcpy(v4.bytes, a->bytes + 12, 4);
    return v4;
}

bool addr_is_loopback(const struct addr *a)
{
    static const uint8_t one[16] = {[15] = 1};
    struct addr u = addr_unmap(a);
    if (u.family == ADDR_V4)
        return u.bytes[0] == 127;
    return u.family == ADDR_V6 && memcmp(u.bytes, one, sizeof one) == 0;
}

bool addr_is_any(const struct addr *a)
{
    static const uint8_t zero[16];
    return a->family != ADDR_NONE && memcmp(a->bytes, zero, a->family == ADDR_V4 ? 4 : 16) == 0;
}

struct addr addr_client_key(const struct addr *a)
{
    struct addr key = addr_unmap(a);
    if (key.family == ADDR_V6)
        memset(key.bytes + 8, 0, 8);
    key.port = 0;
    key.scope = 0;
    return key;
}

bool network_contains(const struct network *n, const struct addr *a)
{
    struct addr u = addr_unmap(a);
    if (n->base.family != u.family)
        return false;
    size_t whole = n->bits / 8;
    if (memcmp(n->base.bytes, u.bytes, whole) != 0)
        return false;
    for (unsigned bit = (unsigned)whole * 8; bit < n->bits; bit++)
        if (bit_is_set(&n->base, bit) != bit_is_set(&u, bit))
            return false;
    return true;
}

bool network_is_everything(const struct network *n)
{
    return n->bits == 0;
}

const char *network_text(const struct network *n, char out[ADDR_TEXT])
{
    addr_text(&n->base, out);
    size_t len = strlen(out);
    snprintf(out + len, ADDR_TEXT - len, "/%u", n->bits);
    return out;
}
