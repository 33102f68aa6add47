/* A secret cannot be printed by accident: the type is opaque, and only secret_reveal gives access
 * to its bytes, which is easy to grep for. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/slice.h"

struct secret;

/* Gives a copy. The caller erases its own bytes. */
struct secret *secret_new(struct slice bytes);
/* Gives a copy, or NULL for NULL. */
struct secret *secret_copy(const struct secret *s);
/* Erases and frees the secret and sets *s to NULL. *s may be NULL. */
void secret_free(struct secret **s);
/* Borrows the bytes, which end in a NUL. Never log them. */
struct slice secret_reveal(const struct secret *s);
/* Takes constant time for equal lengths. NULL equals NULL. */
bool secret_equal(const struct secret *a, const struct secret *b);
/* Overwrites the bytes. No compiler removes that. */
void secret_erase(void *bytes, size_t n);

#endif
