/* Counts failed logins by client address. After ten in ten minutes the address may not try for a
 * while. It only computes. */
#ifndef RELAY_GUARD_H
#define RELAY_GUARD_H

#include "base/addr.h"
#include "base/list.h"
#include "base/units.h"

#define GUARD_FAILURES 10
#define GUARD_WINDOW (600 * USEC_PER_SEC)

/* Holds at most CAP_LOGIN_FAILURES addresses. The one that was used longest ago is dropped
 * first. */
struct guard {
    struct link entries;
    size_t n;
};

enum guard_word {
    GUARD_GO,
    /* So many of its logins are being checked that they may reach the limit. It may try later. */
    GUARD_WAIT,
    /* The limit is reached. */
    GUARD_SHUT,
};

void guard_init(struct guard *g);
void guard_free(struct guard *g);
/* Returns whether this address may try a login now. With GUARD_GO one login is counted as in
 * progress until guard_end. An IPv6 /64 counts as one address, because one host has all of it. */
enum guard_word guard_begin(struct guard *g, const struct addr *from, usec now);
/* Returns true if this failure is the one that shuts the address out. */
bool guard_end(struct guard *g, const struct addr *from, bool failed, usec now);

#endif
