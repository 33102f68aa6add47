/* Another account for a message whose own does not work (proxy.ini `fallback`): followed once, and
 * only while nothing was promised of any recipient. */
#ifndef DELIVERY_FALLBACK_H
#define DELIVERY_FALLBACK_H

#include "delivery/state.h"

/* There is no session, for this reason; `detail` as for failure_say. true: the account's fallback
 * is asked for one now. */
bool fallback_follow(struct delivery *d, enum own own, const char *detail);

#endif
