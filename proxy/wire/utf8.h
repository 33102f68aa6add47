/* UTF-8 (RFC 3629): shortest form, no surrogates, up to U+10FFFF. */
#ifndef WIRE_UTF8_H
#define WIRE_UTF8_H

#include "base/slice.h"

bool utf8_is_valid(struct slice s);
/* Some octet is above 127. */
bool utf8_has_high(struct slice s);
/* Returns the largest number of octets, at most `max`, that splits no character. Returns `max`
 * itself if s is not UTF-8 there. */
size_t utf8_cut(struct slice s, size_t max);

#endif
