#include "wire/utf8.h"

static bool is_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Returns the octets of the character at the start of `s`, or 0 if it is not UTF-8. The range of
 * the second octet excludes overlong forms, surrogates and characters beyond U+10FFFF. */
static size_t character_len(struct slice s)
{
    unsigned char first = (unsigned char)s.data[0];
    unsigned char low = 0x80, high = 0xBF;
    size_t n;
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        n = 2;
    else if (first >= 0xE0 && first <= 0xEF)
        n = 3;
    else if (first >= 0xF0 && first <= 0xF4)
        n = 4;
    else
        return 0;
    if (first == 0xE0)
        low = 0xA0;
    else if (first == 0xED)
        high = 0x9F;
    else if (first == 0xF0)
        low = 0x90;
    else if (first == 0xF4)
        high = 0x8F;
    if (s.len < n || (unsigned char)s.data[1] < low || (unsigned char)s.data[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if (!is_tail((unsigned char)s.data[i]))
            return 0;
    return n;
}

bool utf8_is_valid(struct slice s)
{
    while (s.len) {
        size_t n = character_len(s);
        if (n == 0)
            return false;
        s = slice_from(s, n);
    }
    return true;
}

bool utf8_has_high(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.data[i] > 127)
            return true;
    return false;
}

size_t utf8_cut(struct slice s, size_t max)
{
    if (s.len <= max)
        return s.len;
    for (size_t cut = max; cut + 4 > max; cut--) {
        if (!is_tail((unsigned char)s.data[cut]))
            return cut;
        if (cut == 0)
            break;
    }
    return max;
}
