/* Names to addresses through the system's resolver (getaddrinfo on a helper thread), so that
 * /etc/hosts, NSS and a changed resolv.conf just work. One lookup per family, so that a router that
 * drops AAAA questions costs nothing; equal lookups are joined. A lookup has no deadline of its
 * own: the caller cancels. */
#ifndef IO_DNS_H
#define IO_DNS_H

#include "base/addr.h"
#include "io/offload.h"

struct dns;
struct dns_query;

struct dns *dns_new(struct loop *loop, struct offload *off);
void dns_free(struct dns **dns);

/* On the loop, later: n addresses (port 0; borrowed until return), or n = 0 and err (ERR_NOT_FOUND:
 * the name does not exist or has no address of this family; anything else: the resolver did not
 * answer). */
typedef void dns_fn(void *ctx, const struct addr *addresses, size_t n, const struct err *err);

/* host: a name (no literal; the caller parses those). family: ADDR_V4 or ADDR_V6. Gives a query
 * that ends with the callback or with dns_cancel. */
struct dns_query *dns_lookup(struct dns *dns, const char *host, enum addr_family family, dns_fn *fn,
                             void *ctx);
/* no callback any more; NULL is fine */
void dns_cancel(struct dns_query **query);

#endif
