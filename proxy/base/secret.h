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
/* Returns whether any `run` octets of the secret in a row are in the text, or all octets of a
 * shorter secret. Only the first 1024 octets of the secret are compared: an echo begins at its
 * beginning. */
bool secret_is_echoed(struct slice text, struct slice secret, size_t run);
/* Fewer octets in a row tell nothing: of a secret, and of its base64. */
enum { SECRET_RUN = 6, SECRET_RUN_BASE64 = 8 };
/* Overwrites the bytes. No compiler removes that. */
void secret_erase(void *bytes, size_t n);

#endif
