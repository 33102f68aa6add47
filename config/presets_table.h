/* For the data files and presets.c only: the two halves of the table, and short marks that keep a
 * row readable. */
#ifndef CONFIG_PRESETS_TABLE_H
#define CONFIG_PRESETS_TABLE_H

#include "config/presets.h"

extern const struct preset presets_mailbox[], presets_service[];
extern const size_t presets_mailbox_count, presets_service_count;

/* A fact and its source: the provider's Documentation or repository, a curated List, the Community,
 * or no source that we found. */
#define DOC(fact)                                                                                  \
    {                                                                                              \
        (fact), TRUST_PROVIDER                                                                     \
    }
#define LIST(fact)                                                                                 \
    {                                                                                              \
        (fact), TRUST_CURATED                                                                      \
    }
#define COMM(fact)                                                                                 \
    {                                                                                              \
        (fact), TRUST_COMMUNITY                                                                    \
    }
#define UNCONF(fact)                                                                               \
    {                                                                                              \
        (fact), TRUST_UNCONFIRMED                                                                  \
    }

#define STARTTLS(port, who)                                                                        \
    {                                                                                              \
        (port), PORT_STARTTLS, (who), false                                                        \
    }
#define IMPLICIT(port, who)                                                                        \
    {                                                                                              \
        (port), PORT_IMPLICIT, (who), false                                                        \
    }
#define SPARE_STARTTLS(port, who)                                                                  \
    {                                                                                              \
        (port), PORT_STARTTLS, (who), true                                                         \
    }
#define SPARE_IMPLICIT(port, who)                                                                  \
    {                                                                                              \
        (port), PORT_IMPLICIT, (who), true                                                         \
    }
#define D TRUST_PROVIDER
#define R TRUST_CURATED
#define C TRUST_COMMUNITY
#define U TRUST_UNCONFIRMED

#endif
