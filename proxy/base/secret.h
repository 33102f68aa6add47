/* A secret cannot be printed by accident: the type is opaque, and its bytes come out through
 * secret_reveal alone, which is easy to grep for. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/slice.h"

struct secret;

/* gives a copy; the caller wipes his own */
struct secret *secret_new(struct slice bytes);
/* gives; NULL for NULL */
struct secret *secret_copy(const struct secret *s);
/* wipes, frees, nulls; NULL is fine */
void secret_free(struct secret **s);
/* borrows; NUL-terminated; never log it */
struct slice secret_reveal(const struct secret *s);
/* constant time for equal lengths; NULL equals NULL */
bool secret_equal(const struct secret *a, const struct secret *b);
/* overwrites, and no compiler removes it */
void secret_erase(void *bytes, size_t n);

#endif
