/* Finds our secrets in what a peer says. A server that repeats what it was told ("535 cannot take
 * AUTH PLAIN AGpv...") would bring our credentials into logs, reports and pages. */
#ifndef BASE_ECHO_H
#define BASE_ECHO_H

#include "base/slice.h"

/* The words of a peer, prepared for comparing. */
struct echo;

/* Gives. Copies the words. Words of more than CAP_REPLY_TEXT octets count as an echo of anything,
 * for nobody could look through them. */
struct echo *echo_of(struct slice words);
/* Erases and frees. Sets *e to NULL. */
void echo_free(struct echo **e);
/* Returns whether any `run` octets of the secret in a row are in the words, or all octets of a
 * shorter secret; as they are, or in base64 or base64url at any place of a longer text. */
bool echo_repeats(const struct echo *e, struct slice secret, size_t run);
/* The same, but looks for the base64 only: for a message of which parts may be said, as a user's
 * name. */
bool echo_repeats_encoded(const struct echo *e, struct slice message, size_t run);

#endif
