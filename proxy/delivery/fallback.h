/* Another account for a message whose own account does not work (proxy.ini `fallback`). It is used
 * once, and only while no recipient was accepted. */
#ifndef DELIVERY_FALLBACK_H
#define DELIVERY_FALLBACK_H

#include "delivery/state.h"

/* There is no session for this reason. `detail` is as in failure_say. Returns true if the account's
 * fallback is asked for a session now. */
bool fallback_follow(struct delivery *d, enum own own, const char *detail);

#endif
