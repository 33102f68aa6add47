/* What doctor says of kept mail: how much there is, and since when. It reads beside a running
 * server, and changes nothing. */
#ifndef APP_DOCTOR_SPOOL_H
#define APP_DOCTOR_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

struct doctor_spool {
    /* There is a [spool], or what one left behind. */
    bool is_on;
    /* Borrowed from the configuration. */
    const char *directory;
    /* Why it can't be looked at; "": it could. */
    char problem[200];
    size_t waiting, failed;
    /* How long ago the oldest that waits was taken, by the wall clock. */
    int64_t oldest_seconds;
};

void doctor_spool_look(struct config *config, int64_t now_ms, struct doctor_spool *s_r);
/* One sentence without an end of line. */
#define DOCTOR_SPOOL_WORDS 800
void doctor_spool_words(const struct doctor_spool *s, char out[DOCTOR_SPOOL_WORDS]);

#endif
