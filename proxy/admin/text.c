#include "admin/text.h"

#include <stdint.h>
#include <string.h>

#include "base/caps.h"

/* U+FFFD. */
#define REPLACEMENT "\xEF\xBF\xBD"

/* Returns the length of the character at `p`, where n octets are available, and stores the
 * character. Returns 0 if the octets are invalid (RFC 3629: shortest form, no surrogates, up to
 * 10FFFF). */
static size_t decode(const unsigned char *p, size_t n, uint32_t *point_r)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = p[0] < 0x80       ? 1
                 : p[0] >> 5 == 6  ? 2
                 : p[0] >> 4 == 14 ? 3
                 : p[0] >> 3 == 30 ? 4
                                   : 0;
    uint32_t point = len == 1 ? p[0] : p[0] & (0x7fu >> len);
    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if (p[i] >> 6 != 2)
            return 0;
        point = point << 6 | (p[i] & 0x3f);
    }
    if (point < least[len] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
        return 0;
    *point_r = point;
    return len;
}

static bool deceives(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c & 0xfffe) == 0xfffe ||
           (c >= 0xe0000 && c <= 0xe007f);
}

void text_clean(char *out, size_t size, struct slice in)
{
    size_t used = 0;
    for (size_t i = 0; i < in.len;) {
        uint32_t point = 0;
        if (in.data[i] >= ' ' && in.data[i] <= '~' && used + 1 < size) {
            out[used++] = in.data[i++];
            continue;
        }
        const char *from = in.data + i;
        size_t len = decode((const unsigned char *)from, in.len - i, &point), put = len;
        if (len == 0 || deceives(point)) {
            from = REPLACEMENT;
            put = strlen(REPLACEMENT);
        }
        if (used + put + 1 > size)
            break;
        memcpy(out + used, from, put);
        used += put;
        i += len ? len : 1;
    }
    if (size)
        out[used] = '\0';
}

void out_init(struct out *o)
{
    buf_init(&o->buf, CAP_ADMIN_ANSWER);
    o->full = false;
}

void out_free(struct out *o)
{
    buf_free(&o->buf);
}

static void put(struct out *o, const char *text, size_t n)
{
    if (!buf_append(&o->buf, text, n))
        o->full = true;
}

void out_add(struct out *o, const char *text)
{
    put(o, text, strlen(text));
}

void out_printf(struct out *o, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (!buf_vprintf(&o->buf, fmt, args))
        o->full = true;
    va_end(args);
}

/* Replaces each character of `from` by the word at the same place in `to`. */
static void put_escaped(struct out *o, const char *text, const char *from, const char *const *to)
{
    while (*text) {
        size_t plain = strcspn(text, from);
        put(o, text, plain);
        text += plain;
        if (*text)
            out_add(o, to[strchr(from, *text++) - from]);
    }
}

void out_html(struct out *o, const char *text)
{
    static const char *const words[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    put_escaped(o, text, "&<>\"'", words);
}

void out_label(struct out *o, const char *text)
{
    static const char *const words[] = {"\\\\", "\\\"", "\\n"};
    put_escaped(o, text, "\\\"\n", words);
}
