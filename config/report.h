/* Collects the errors and warnings about one file and returns them sorted by line. */
#ifndef CONFIG_REPORT_H
#define CONFIG_REPORT_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/attr.h"
#include "config/config.h"

struct finding_line;

struct findings {
    /* Borrowed. */
    const char *file;
    /* Borrowed. NULL, or the lines are places in this list of environment variables. */
    const struct strings *variables;
    struct finding_line *items;
    size_t n;
    size_t errors;
};

/* Line 0 means the file as a whole. `where` ("[upstream work] host", or NULL) precedes the
 * words. */
void findings_add(struct findings *f, int line, bool warning, const char *where, const char *fmt,
                  ...) PRINTF_LIKE(5, 6);
void findings_addv(struct findings *f, int line, bool warning, const char *where, const char *fmt,
                   va_list args) PRINTF_LIKE(5, 0);
/* Fills the report. f is empty afterwards. */
void findings_give(struct findings *f, struct config_report *report);

/* The known word that a typo most probably meant. Start with {.wrong = …}. */
struct nearest {
    struct slice wrong;
    /* The word is NULL if none is similar. */
    const char *best;
    unsigned distance;
};
void nearest_try(struct nearest *n, const char *candidate);

#endif
