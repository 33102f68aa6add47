/* Whether a token service repeats what it was told: its words go into logs, pages and replies. */
#ifndef OAUTH_ECHO_H
#define OAUTH_ECHO_H

#include <stdbool.h>

#include "base/secret.h"
#include "oauth/answer.h"

/* The words hold a piece of a secret, token, code or assertion of this request's form (NULL:
 * nothing was sent), as it is, as it was sent, or in base64. */
bool oauth_echoes(const char *words, const struct secret *form);
/* Takes the words that do out of an answer to that form. */
void oauth_silence_echo(struct oauth_answer *a, const struct secret *form);

#endif
