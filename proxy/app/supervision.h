/* What a service manager is told while the server runs: a sign of life from the loop at half the
 * watchdog's interval, and how things stand, in words. */
#ifndef APP_SUPERVISION_H
#define APP_SUPERVISION_H

#include <stddef.h>

#include "base/units.h"

struct loop;
struct supervision;

/* one line, at most `size` octets with its NUL */
typedef void status_words_fn(void *ctx, char *out, size_t size);

/* Reads $WATCHDOG_USEC and $WATCHDOG_PID. Words are asked for every few seconds, and sent when they
 * changed. Without a service manager it does nothing. Gives. */
struct supervision *supervision_new(struct loop *loop, status_words_fn *words, void *ctx);
/* NULL is fine */
void supervision_free(struct supervision **s);

/* STATUS is part of each. */
void supervision_ready(struct supervision *s);
void supervision_reloading(struct supervision *s);
/* how long the end may take */
void supervision_stopping(struct supervision *s, usec needed);

#endif
