/* Finds secrets that a token service repeats in its words, which go into logs, pages and
 * replies. */
#ifndef OAUTH_ECHO_H
#define OAUTH_ECHO_H

#include <stdbool.h>

#include "base/secret.h"
#include "oauth/answer.h"

/* Returns whether the words hold a piece of a secret, token, code or assertion of this request's
 * form, as it is, as it was sent, or in base64. form is NULL if nothing was sent. */
bool oauth_echoes(const char *words, const struct secret *form);
/* Removes such words from an answer to that form. */
void oauth_silence_echo(struct oauth_answer *a, const struct secret *form);

#endif
