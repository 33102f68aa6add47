/* What is wrong with the spool while nobody looks, each with a begin and an end: looked at every
 * ten seconds, written to the log when it begins and when it ends, and kept for those who call
 * somebody. */
#ifndef SPOOL_TROUBLE_H
#define SPOOL_TROUBLE_H

#include <stdint.h>

struct spool;

enum spool_trouble_kind {
    /* The oldest message of an account waits for longer than alert_age; the log has it hourly. */
    SPOOL_TROUBLE_OLD,
    /* store_is_full */
    SPOOL_TROUBLE_FULL,
    /* corrupt/ is not empty */
    SPOOL_TROUBLE_CORRUPT
};

/* Lent until the next turn. */
struct spool_trouble {
    enum spool_trouble_kind kind;
    /* "": it is none's alone */
    const char *account;
    /* The sentence of the log. It may quote an upstream. */
    const char *words;
    /* wall clock */
    int64_t since_ms;
};

/* Calls fn for each trouble that lasts. */
void spool_troubles(const struct spool *spool,
                    void (*fn)(void *ctx, const struct spool_trouble *trouble), void *ctx);

#endif
