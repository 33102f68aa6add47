/* The client half's event table, and the lease's: what the upstream does, told to the delivery
 * that is their ctx. */
#ifndef DELIVERY_UPSTREAM_EVENTS_H
#define DELIVERY_UPSTREAM_EVENTS_H

#include "upstream/lease.h"

extern const struct lease_events delivery_lease_events;

#endif
