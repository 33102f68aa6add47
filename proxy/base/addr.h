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
    /* In network order. IPv4 uses the first 4. */
    uint8_t bytes[16];
    /* In host order. 0 means that there is no port. */
    uint16_t port;
    /* The scope of a link-local IPv6 address. */
    uint32_t scope;
};

struct network {
    struct addr base;
    unsigned bits;
};

/* An address with port, brackets and NUL fits. */
#define ADDR_TEXT 64

/* Reads "192.0.2.1", "2001:db8::1" or "[2001:db8::1]". A zone like "%2" is accepted, a port is
 * not. */
bool addr_parse(struct slice text, struct addr *addr_r) MUST_USE;
/* Reads "192.0.2.1:25" or "[::1]:25". */
bool addr_parse_with_port(struct slice text, struct addr *addr_r) MUST_USE;
/* Reads "10.0.0.0/8", "::1/128" or an address alone. A host bit that is set is an error. An
 * IPv4-mapped network comes out as IPv4, because the addresses of peers do. */
bool network_parse(struct slice text, struct network *network_r) MUST_USE;

/* Writes "10.0.0.0/8". Returns out. */
const char *network_text(const struct network *n, char out[ADDR_TEXT]);

/* Writes the address without its port. Returns out. */
const char *addr_text(const struct addr *a, char out[ADDR_TEXT]);
/* Writes the address with its port, IPv6 in brackets. Returns out. */
const char *addr_text_with_port(const struct addr *a, char out[ADDR_TEXT]);
/* Writes "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 4.1.3). Returns out. */
const char *addr_text_literal(const struct addr *a, char out[ADDR_TEXT]);

/* Compares family and bytes, not the ports. */
bool addr_equal(const struct addr *a, const struct addr *b);
bool addr_is_loopback(const struct addr *a);
/* Returns true for 0.0.0.0 and ::. */
bool addr_is_any(const struct addr *a);
/* Turns ::ffff:192.0.2.1 into 192.0.2.1. Other addresses stay as they are. */
struct addr addr_unmap(const struct addr *a);
/* Returns the key by which limits per client count. One host has a whole IPv6 /64, so the first 64
 * bits are the key. A mapped IPv4 address counts as IPv4. The key has neither port nor scope. */
struct addr addr_client_key(const struct addr *a);
/* A mapped IPv4 address counts as IPv4. */
bool network_contains(const struct network *n, const struct addr *a);
/* Returns true for a prefix length of 0. */
bool network_is_everything(const struct network *n);

#endif
