#include "base/hex.h"

int hex_value(char c)
{
    char low = ascii_lower(c);
    if (ascii_is_digit(c))
        return c - '0';
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

int hex_octet(struct slice digits)
{
    int high = digits.len >= 2 ? hex_value(digits.data[0]) : -1;
    int low = digits.len >= 2 ? hex_value(digits.data[1]) : -1;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

int hex_take_percent(struct slice *text)
{
    bool coded = text->data[0] == '%';
    int octet = coded ? hex_octet(slice_from(*text, 1)) : (unsigned char)text->data[0];
    *text = slice_from(*text, coded && octet >= 0 ? 3 : 1);
    return octet;
}
