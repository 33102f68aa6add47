#include "base/decimal.h"

#include <string.h>

size_t decimal_put(char out[DECIMAL_ROOM], uint64_t number, size_t width)
{
    char digits[DECIMAL_ROOM];
    size_t n = 0;
    while (number || (n < width && n < sizeof digits)) {
        digits[sizeof digits - ++n] = (char)('0' + number % 10);
        number /= 10;
    }
    memcpy(out, digits + sizeof digits - n, n);
    return n;
}
