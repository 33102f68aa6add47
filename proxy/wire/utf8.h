/* UTF-8 (RFC 3629): shortest form, no surrogates, up to U+10FFFF. */
#ifndef WIRE_UTF8_H
#define WIRE_UTF8_H

#include "base/slice.h"

bool utf8_is_valid(struct slice s);
/* some octet is above 127 */
bool utf8_has_high(struct slice s);
/* the most octets, `max` at most, that split no character; `max` itself where s is not UTF-8
 * there */
size_t utf8_cut(struct slice s, size_t max);

#endif
