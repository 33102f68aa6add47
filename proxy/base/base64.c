#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool base64_encode(struct slice in, struct buf *out)
{
    const unsigned char *from = (const unsigned char *)in.data;
    size_t room = buf_room(out), got;
    if (in.len / 3 > room / 4 || (in.len + 2) / 3 * 4 > room)
        return false;
    if (in.len == 0)
        return true;
    char *to = buf_space(out, (in.len + 2) / 3 * 4, &got);
    for (size_t left = in.len; left; from += left < 3 ? left : 3, left -= left < 3 ? left : 3) {
        unsigned bits = (unsigned)from[0] << 16 | (left > 1 ? (unsigned)from[1] << 8 : 0) |
                        (left > 2 ? from[2] : 0u);
        *to++ = alphabet[bits >> 18];
        *to++ = alphabet[bits >> 12 & 63];
        *to++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? alphabet[bits & 63] : '=';
    }
    buf_commit(out, got);
    return true;
}

/* Returns 0 to 63, or -1. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes four letters, of which the last `pad` are padding, to 3 - pad octets. Unused bits must be
 * 0, so that each value has one text. */
static bool decode_group(const char *from, unsigned pad, char *to)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < 4; i++) {
        int value = i < 4 - pad ? value_of(from[i]) : 0;
        if (value < 0)
            return false;
        bits = bits << 6 | (unsigned)value;
    }
    if (bits & ((1u << 8 * pad) - 1))
        return false;
    for (unsigned i = 0; i < 3 - pad; i++)
        to[i] = (char)(unsigned char)(bits >> (16 - 8 * i));
    return true;
}

bool base64_decode(struct slice in, struct buf *out)
{
    if (in.len % 4)
        return false;
    if (in.len == 0)
        return true;
    unsigned pad = in.data[in.len - 1] != '=' ? 0 : in.data[in.len - 2] != '=' ? 1 : 2;
    size_t want = in.len / 4 * 3 - pad, got;
    if (want > buf_room(out))
        return false;
    char *to = buf_space(out, want, &got);
    for (size_t i = 0; i < in.len; i += 4, to += 3)
        if (!decode_group(in.data + i, i + 4 == in.len ? pad : 0, to))
            return false;
    buf_commit(out, want);
    return true;
}
