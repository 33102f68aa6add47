/* The PROXY protocol, versions 1 and 2 (HAProxy's doc/proxy-protocol.txt): what a load balancer
 * says about the client before anything else. To the letter: whatever is not exactly a header is
 * refused, because what is believed here decides who may send. */
#ifndef WIRE_PROXY_HEADER_H
#define WIRE_PROXY_HEADER_H

#include "base/addr.h"
#include "base/slice.h"

enum proxy_header_step {
    /* `need` more octets belong to it for certain */
    PROXY_HEADER_MORE,
    PROXY_HEADER_DONE,
    /* `why` */
    PROXY_HEADER_BAD,
};

struct proxy_header {
    /* MORE: reading just that many never takes an octet that stands behind the header (TLS may
     * begin there) */
    size_t need;
    /* DONE: octets of the header */
    size_t length;
    /* DONE: false for LOCAL, UNKNOWN and families that have no IP address: the connection's own
     * ends count */
    bool has_addresses;
    /* with port; a mapped IPv4 address comes out as IPv4 */
    struct addr source;
    struct addr destination;
    /* BAD: in words, for the log */
    const char *why;
};

/* Looks at everything that was read so far, which begins at the first octet of the connection; may
 * be empty. */
enum proxy_header_step proxy_header_parse(struct slice view, struct proxy_header *out);

#endif
