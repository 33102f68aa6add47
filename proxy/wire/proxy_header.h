/* The PROXY protocol, versions 1 and 2 (HAProxy's doc/proxy-protocol.txt): what a load balancer
 * says about the client before anything else. It is parsed to the letter. Anything that is not
 * exactly a header is refused, because its content decides which clients may send. */
#ifndef WIRE_PROXY_HEADER_H
#define WIRE_PROXY_HEADER_H

#include "base/addr.h"
#include "base/slice.h"

enum proxy_header_step {
    /* At least `need` more octets belong to it. */
    PROXY_HEADER_MORE,
    PROXY_HEADER_DONE,
    /* The field `why` says what is wrong. */
    PROXY_HEADER_BAD,
};

struct proxy_header {
    /* This is set with MORE. Reading exactly this many octets never takes one from behind the
     * header, where TLS may begin. */
    size_t need;
    /* With DONE, the header has this many octets. */
    size_t length;
    /* This is set with DONE. It is false for LOCAL, UNKNOWN and families without IP addresses. Then
     * the connection's own addresses count. */
    bool has_addresses;
    /* Both addresses have a port. A mapped IPv4 address comes out as IPv4. */
    struct addr source;
    struct addr destination;
    /* With BAD, this is the reason in words, for the log. */
    const char *why;
};

/* Parses everything that was read so far. It begins at the first octet of the connection and may be
 * empty. */
enum proxy_header_step proxy_header_parse(struct slice view, struct proxy_header *out);

#endif
