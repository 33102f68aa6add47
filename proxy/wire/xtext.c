#include "wire/xtext.h"

/* RFC 3461 says upper case. An upstream must not refuse what is accepted here. */
static bool is_hex(char c)
{
    return ascii_is_digit(c) || (c >= 'A' && c <= 'F');
}

bool xtext_is_valid(struct slice in)
{
    for (size_t i = 0; i < in.len; i++) {
        char c = in.data[i];
        if (c < '!' || c > '~' || c == '=')
            return false;
        if (c == '+') {
            if (in.len - i < 3 || !is_hex(in.data[i + 1]) || !is_hex(in.data[i + 2]))
                return false;
            i += 2;
        }
    }
    return true;
}
