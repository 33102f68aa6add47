/* The client addresses of one listener: how many connections each has now, and how many messages it
 * sent lately. Pure: addresses and times in, answers out. */
#ifndef RELAY_VISITORS_H
#define RELAY_VISITORS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/units.h"

struct visitors;
/* one client: an IPv4 address, or an IPv6 /64 (addr_client_key) */
struct visitor;

/* gives. seed: unpredictable, so that nobody chooses addresses that crowd one place of the table */
struct visitors *visitors_new(uint64_t seed);
/* whoever is still counted in it is forgotten */
void visitors_free(struct visitors **v);

/* connections of this address */
unsigned visitors_clients(const struct visitors *v, const struct addr *a);
/* Counts one connection. Borrowed until visitors_leave. */
struct visitor *visitors_enter(struct visitors *v, const struct addr *a);
/* Nulls *visitor. What an address sent is remembered when its last connection is gone, for
 * CAP_RATE_ADDRESSES addresses: beyond that the one that left first is forgotten, and may send
 * anew. */
void visitors_leave(struct visitors *v, struct visitor **visitor, usec now);
/* Counts one message; false: `limit` messages were counted in the last `period` already, and this
 * one is not. Never lets more than `limit` pass in any `period`; a place comes free at most a
 * thirtieth of it late. */
bool visitors_may_send(struct visitor *visitor, unsigned limit, usec period, usec now);

#endif
