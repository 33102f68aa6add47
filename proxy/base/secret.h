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
/* Whether any `run` octets of the secret in a row, or all of a shorter one, are in the text. An echo
 * begins at the secret's beginning, so only its first 1024 octets are compared. */
bool secret_is_echoed(struct slice text, struct slice secret, size_t run);
/* Octets in a row below which nothing is told: of a secret, and of its base64. */
enum { SECRET_RUN = 6, SECRET_RUN_BASE64 = 8 };
/* overwrites, and no compiler removes it */
void secret_erase(void *bytes, size_t n);

#endif
