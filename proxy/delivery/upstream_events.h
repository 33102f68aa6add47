/* The event tables of the client half and of the lease. Their ctx is the delivery, which learns
 * from them what the upstream does. */
#ifndef DELIVERY_UPSTREAM_EVENTS_H
#define DELIVERY_UPSTREAM_EVENTS_H

#include "upstream/lease.h"

extern const struct lease_events delivery_lease_events;

#endif
