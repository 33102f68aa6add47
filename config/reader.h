/* The lines of an INI file, one by one. inih splits them into name and value; what inih would pass
 * over in silence (a line that is too long, indented, or without "=", a section header that is
 * empty) is told here instead, with its line. */
#ifndef CONFIG_READER_H
#define CONFIG_READER_H

#include "base/slice.h"

struct reader_events {
    /* what stands between the brackets, trimmed */
    void (*header)(void *ctx, int line, struct slice title);
    /* an unreadable header: nobody knows what the next keys belong to */
    void (*lost)(void *ctx);
    /* in the section of the last header */
    bool (*is_secret)(void *ctx, struct slice name);
    /* the value is in inih's buffer: borrowed */
    void (*pair)(void *ctx, int line, const char *name, const char *value);
    /* name: the key, where it is known and may be shown */
    void (*wrong)(void *ctx, int line, struct slice name, const char *words);
};

/* Borrows the text. inih's own copy of each line is wiped. */
void reader_run(struct slice text, const struct reader_events *events, void *ctx);

#endif
