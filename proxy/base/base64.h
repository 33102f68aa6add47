/* Base64 (RFC 4648 section 4), strict: no blanks, no line ends, correct padding, no stray bits. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

bool base64_encode(struct slice in, struct buf *out) MUST_USE;
/* Returns false, and leaves out unchanged, if the text is not base64 or exceeds the cap. */
bool base64_decode(struct slice in, struct buf *out) MUST_USE;

#endif
