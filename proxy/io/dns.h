/* Resolves names with the system's resolver (getaddrinfo on a helper thread), so that /etc/hosts,
 * NSS and a changed resolv.conf work. There is one lookup per family, so that a router that drops
 * AAAA questions costs nothing. Equal lookups are joined. A lookup has no deadline of its own: the
 * caller cancels it. */
#ifndef IO_DNS_H
#define IO_DNS_H

#include "base/addr.h"
#include "io/offload.h"

struct dns;
struct dns_query;

struct dns *dns_new(struct loop *loop, struct offload *off);
void dns_free(struct dns **dns);

/* Is called on the loop, later. Borrows n addresses with port 0 until it returns. With n = 0, err
 * says why: ERR_NOT_FOUND means that the name does not exist or has no address of this family;
 * anything else means that the resolver did not answer. */
typedef void dns_fn(void *ctx, const struct addr *addresses, size_t n, const struct err *err);

/* The host is a name. The caller parses literals itself. The family is ADDR_V4 or ADDR_V6. Gives a
 * query that ends with the callback or with dns_cancel. */
struct dns_query *dns_lookup(struct dns *dns, const char *host, enum addr_family family, dns_fn *fn,
                             void *ctx);
/* The callback is not called any more. *query may be NULL. */
void dns_cancel(struct dns_query **query);

#endif
