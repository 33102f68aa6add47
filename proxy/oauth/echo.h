/* Whether a token service repeats what it was told: its words go into logs, pages and replies. */
#ifndef OAUTH_ECHO_H
#define OAUTH_ECHO_H

#include <stdbool.h>

#include "base/secret.h"

/* The words hold a piece of a secret, refresh token or assertion of this request's form (NULL:
 * nothing was sent), as it is, as it was sent, or in base64. */
bool oauth_echoes(const char *words, const struct secret *form);

#endif
