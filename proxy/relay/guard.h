/* Failed logins by client address: ten in ten minutes, and the address may not try for a while.
 * Pure: addresses and times in, a verdict out. */
#ifndef RELAY_GUARD_H
#define RELAY_GUARD_H

#include "base/addr.h"
#include "base/list.h"
#include "base/units.h"

#define GUARD_FAILURES 10
#define GUARD_WINDOW (600 * USEC_PER_SEC)

/* at most CAP_LOGIN_FAILURES addresses; the one heard of longest ago goes first */
struct guard {
    struct link entries;
    size_t n;
};

enum guard_word {
    GUARD_GO,
    /* so many of its logins are being checked that the limit may be reached by them: not now */
    GUARD_WAIT,
    /* the limit is reached */
    GUARD_SHUT,
};

void guard_init(struct guard *g);
void guard_free(struct guard *g);
/* May this address try a login now? GUARD_GO counts one as under way, until guard_end. Of IPv6 the
 * first 64 bits count: one host has them all. */
enum guard_word guard_begin(struct guard *g, const struct addr *from, usec now);
/* true: this failure was the one that shuts the address out. */
bool guard_end(struct guard *g, const struct addr *from, bool failed, usec now);

#endif
