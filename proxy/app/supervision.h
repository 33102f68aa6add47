/* Messages to a service manager while the server runs: a sign of life from the loop at half the
 * watchdog's interval, and the state in words. */
#ifndef APP_SUPERVISION_H
#define APP_SUPERVISION_H

#include <stddef.h>

#include "base/units.h"

struct loop;
struct supervision;

/* Writes one line of at most `size` octets with its NUL. */
typedef void status_words_fn(void *ctx, char *out, size_t size);

/* Gives. Reads $WATCHDOG_USEC and $WATCHDOG_PID. Asks for the words every few seconds and sends
 * them if they changed. Does nothing without a service manager. */
struct supervision *supervision_new(struct loop *loop, status_words_fn *words, void *ctx);
/* *s may be NULL. */
void supervision_free(struct supervision **s);

/* Each of these sends STATUS, too. */
void supervision_ready(struct supervision *s);
void supervision_reloading(struct supervision *s);
/* The end may take as long as `needed`. */
void supervision_stopping(struct supervision *s, usec needed);

#endif
