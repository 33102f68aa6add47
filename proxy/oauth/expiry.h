/* The end of a client's secret or certificate, of which no endpoint warns. The log announces it 30,
 * 14, 7, 3 and 1 days ahead, and when it has come. */
#ifndef OAUTH_EXPIRY_H
#define OAUTH_EXPIRY_H

#include <stdint.h>

#include "io/io.h"

/* How many of the days 30, 14, 7, 3, 1 and 0 before an end (Unix seconds; 0: it is not known) are
 * behind us. */
enum { EXPIRY_STEPS = 6, EXPIRY_STEP_14 = 2 };
unsigned expiry_step(int64_t end, int64_t now);

struct expiry;

/* Keeps io and copies the rest. what is "client secret", for example. Gives. */
struct expiry *expiry_new(const struct io *io, const char *account, const char *what);
/* NULL is fine. */
void expiry_free(struct expiry **expiry);
/* Sets the end in Unix seconds, or 0 if it is not known. An announcement of the same end is not
 * repeated. */
void expiry_set(struct expiry *expiry, int64_t end);
int64_t expiry_end(const struct expiry *expiry);

#endif
