/* Hexadecimal digits, and the "%XX" of URLs that is made of them. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/slice.h"

/* Returns 0 to 15, or -1 if c is no hexadecimal digit. Both cases are digits. */
int hex_value(char c);
/* Returns the octet that the first two digits of the slice stand for, or -1 if there are none. */
int hex_octet(struct slice digits);
/* Takes one octet off the front of a text that is not empty: a character that stands for itself, or
 * "%" and two digits (RFC 3986 section 2.1). Returns the octet, or -1 for a "%" without them. */
int hex_take_percent(struct slice *text);

#endif
