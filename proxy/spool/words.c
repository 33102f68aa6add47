#include "spool/words.h"

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/mem.h"

static const char digits[] = "0123456789abcdef";

static bool must_escape(char c)
{
    return ascii_is_control(c) || c == ' ' || c == '%';
}

bool words_add(struct buf *out, const char *value)
{
    if (!value || !*value)
        return buf_append(out, " -", 2);
    if (strcmp(value, "-") == 0)
        return buf_append(out, " %2d", 4);
    if (!buf_append(out, " ", 1))
        return false;
    while (*value) {
        size_t plain = 0;
        while (value[plain] && !must_escape(value[plain]))
            plain++;
        if (!buf_append(out, value, plain))
            return false;
        value += plain;
        if (!*value)
            break;
        unsigned char c = (unsigned char)*value++;
        const char escaped[3] = {'%', digits[c >> 4], digits[c & 15]};
        if (!buf_append(out, escaped, sizeof escaped))
            return false;
    }
    return true;
}

struct slice words_next(struct slice *line)
{
    struct slice word = slice_head(*line, slice_find(*line, ' '));
    *line = slice_from(*line, word.len + 1);
    return word;
}

char *words_value(struct slice word)
{
    size_t n = 0;
    if (word.len == 0)
        return NULL;
    if (slice_is(word, "-"))
        return mem_string("");
    char *value = mem_alloc(word.len + 1);
    while (word.len) {
        bool escaped = word.data[0] == '%';
        int octet = hex_take_percent(&word);
        char c = (char)octet;
        /* An escaped NUL is invalid, and so is an escape that is not needed. */
        if (octet <= 0 || (escaped ? !must_escape(c) && c != '-' : must_escape(c))) {
            free(value);
            return NULL;
        }
        value[n++] = c;
    }
    return value;
}

bool words_number(struct slice word, uint64_t *out_r)
{
    uint64_t n = 0;
    if (word.len == 0 || word.len > 20)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        if (!ascii_is_digit(word.data[i]))
            return false;
        uint64_t digit = (uint64_t)(word.data[i] - '0');
        if (n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out_r = n;
    return true;
}

bool words_hex(struct slice word, uint32_t *out_r)
{
    uint32_t n = 0;
    if (word.len != 8)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        int digit = hex_value(word.data[i]);
        if (digit < 0)
            return false;
        n = n << 4 | (uint32_t)digit;
    }
    *out_r = n;
    return true;
}
