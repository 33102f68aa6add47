/* The client addresses of one listener: how many connections each has now, and how many messages it
 * sent lately. It only computes. */
#ifndef RELAY_VISITORS_H
#define RELAY_VISITORS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/units.h"

struct visitors;
/* One client: an IPv4 address, or an IPv6 /64 (addr_client_key). */
struct visitor;

/* Gives. The seed must be unpredictable, so that nobody can choose addresses that fill one place of
 * the table. */
struct visitors *visitors_new(uint64_t seed);
/* Forgets the visitors that are still counted. */
void visitors_free(struct visitors **v);

/* Returns the number of connections of this address. */
unsigned visitors_clients(const struct visitors *v, const struct addr *a);
/* Counts one connection. Borrowed until visitors_leave. */
struct visitor *visitors_enter(struct visitors *v, const struct addr *a);
/* Sets *visitor to NULL. When its last connection is gone, the number of messages that an address
 * sent is still remembered, for CAP_RATE_ADDRESSES addresses. Beyond that the address that left
 * first is forgotten and may send again. */
void visitors_leave(struct visitors *v, struct visitor **visitor, usec now);
/* Counts one message. Returns false, and does not count it, if `limit` messages were counted in the
 * last `period`. No more than `limit` pass in any `period`. A place may become free late, by a
 * thirtieth of the period at most. */
bool visitors_may_send(struct visitor *visitor, unsigned limit, usec period, usec now);

#endif
