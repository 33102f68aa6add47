/* Faults of the spool that an administrator must know of. They are looked for every ten seconds.
 * The log tells their begin and their end, and they are kept for alerts. */
#ifndef SPOOL_TROUBLE_H
#define SPOOL_TROUBLE_H

#include <stdint.h>

struct spool;

enum spool_trouble_kind {
    /* The oldest message of an account waits for longer than alert_age; the log has it hourly. */
    SPOOL_TROUBLE_OLD,
    /* The store is full (store_is_full). */
    SPOOL_TROUBLE_FULL,
    /* The directory corrupt/ is not empty. */
    SPOOL_TROUBLE_CORRUPT
};

/* Lent until the next turn. */
struct spool_trouble {
    enum spool_trouble_kind kind;
    /* It is "" if the trouble does not belong to one account. */
    const char *account;
    /* The sentence of the log. It may quote an upstream. */
    const char *words;
    /* On the wall clock. */
    int64_t since_ms;
};

/* Calls fn for each trouble that lasts. */
void spool_troubles(const struct spool *spool,
                    void (*fn)(void *ctx, const struct spool_trouble *trouble), void *ctx);

#endif
