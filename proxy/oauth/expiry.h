/* The end of a client's secret or certificate, which no endpoint tells in time: announced in the
 * log 30, 14, 7, 3 and 1 days ahead, and once it has come. */
#ifndef OAUTH_EXPIRY_H
#define OAUTH_EXPIRY_H

#include <stdint.h>

#include "io/io.h"

struct expiry;

/* Keeps io, copies the rest. what: "client secret". Gives. */
struct expiry *expiry_new(const struct io *io, const char *account, const char *what);
/* NULL is fine. */
void expiry_free(struct expiry **expiry);
/* Unix seconds; 0: it is not known. What was announced of the same end is not said again. */
void expiry_set(struct expiry *expiry, int64_t end);
int64_t expiry_end(const struct expiry *expiry);

#endif
