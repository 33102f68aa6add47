/* IP addresses and networks as values. No names, no system calls. */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

enum addr_family { ADDR_NONE = 0, ADDR_V4 = 4, ADDR_V6 = 6 };

struct addr {
    enum addr_family family;
    /* network order; the first 4 for IPv4 */
    uint8_t bytes[16];
    /* host order; 0 for none */
    uint16_t port;
    /* of a link-local IPv6 address */
    uint32_t scope;
};

struct network {
    struct addr base;
    unsigned bits;
};

/* room for any address with port, brackets and NUL */
#define ADDR_TEXT 64

/* "192.0.2.1", "2001:db8::1", "[2001:db8::1]" (a zone as "%2" is taken); no port. */
bool addr_parse(struct slice text, struct addr *addr_r) MUST_USE;
/* "192.0.2.1:25", "[::1]:25". */
bool addr_parse_with_port(struct slice text, struct addr *addr_r) MUST_USE;
/* "10.0.0.0/8", "::1/128", or an address alone. Host bits that are set are an error. An IPv4-mapped
 * network comes out as IPv4: that is how addresses of peers come. */
bool network_parse(struct slice text, struct network *network_r) MUST_USE;

/* without port; returns out */
const char *addr_text(const struct addr *a, char out[ADDR_TEXT]);
/* IPv6 in brackets; returns out */
const char *addr_text_with_port(const struct addr *a, char out[ADDR_TEXT]);
/* RFC 5321 4.1.3: "[192.0.2.1]", "[IPv6:2001:db8::1]" */
const char *addr_text_literal(const struct addr *a, char out[ADDR_TEXT]);

/* family and bytes; ports are not looked at */
bool addr_equal(const struct addr *a, const struct addr *b);
bool addr_is_loopback(const struct addr *a);
/* 0.0.0.0 or :: */
bool addr_is_any(const struct addr *a);
/* ::ffff:192.0.2.1 becomes 192.0.2.1; others unchanged */
struct addr addr_unmap(const struct addr *a);
/* The client that limits by address count: one host has a whole IPv6 /64, so its first 64 bits are
 * the key; a mapped IPv4 address counts as IPv4. No port, no scope. */
struct addr addr_client_key(const struct addr *a);
/* a mapped IPv4 address counts as IPv4 */
bool network_contains(const struct network *n, const struct addr *a);
/* /0 */
bool network_is_everything(const struct network *n);

#endif
