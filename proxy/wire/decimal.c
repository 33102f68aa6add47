#include "wire/decimal.h"

enum { DIGITS_MAX = 20 };

bool decimal_parse(struct slice in, uint64_t *value_r)
{
    uint64_t value = 0;
    if (in.len == 0 || in.len > DIGITS_MAX)
        return false;
    for (size_t i = 0; i < in.len; i++) {
        if (!ascii_is_digit(in.data[i]))
            return false;
        uint64_t digit = (uint64_t)(in.data[i] - '0');
        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    *value_r = value;
    return true;
}
