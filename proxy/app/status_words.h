/* The one line that a service manager shows of us (STATUS=): what is broken, how much mail waits,
 * when a message was last delivered, which port each account uses. */
#ifndef APP_STATUS_WORDS_H
#define APP_STATUS_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct accounts;
struct spool;

struct status_view {
    size_t clients;
    const struct accounts *accounts;
    /* It is NULL if there is no spool. */
    struct spool *spool;
    bool draining, reload_failed;
    /* This is the time of the last delivery by the wall clock. It is 0 if there was none since the
     * start. */
    int64_t delivered_ms;
};

/* What does not fit is cut: what is broken stands first. */
void status_words(const struct status_view *v, char *out, size_t size);

#endif
