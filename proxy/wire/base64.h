/* Base64 (RFC 4648 section 4), strict: no blanks, no line ends, right padding, no stray bits. */
#ifndef WIRE_BASE64_H
#define WIRE_BASE64_H

#include "base/buf.h"

bool base64_encode(struct slice in, struct buf *out) MUST_USE;
/* false: not base64, or over the cap; out is unchanged then */
bool base64_decode(struct slice in, struct buf *out) MUST_USE;

#endif
