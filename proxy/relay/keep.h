/* Which messages a relay keeps for later, and where (tests/PROMISES.md, "What the spool sends"). */
#ifndef RELAY_KEEP_H
#define RELAY_KEEP_H

#include "base/units.h"
#include "delivery/failure.h"

struct store;

/* Zeroed, nothing is kept. */
struct relay_keep {
    /* Borrowed until relay_free. */
    struct store *store;
    enum keep_when when;
    /* How long a client waits for a session before its message is kept, up to acquire_timeout. */
    usec wait;
};

#endif
