/* A mail address in MAIL and RCPT (RFC 5321 4.1.2), read as leniently as is safe. Missing brackets,
 * source routes, names in front, brackets in brackets, blanks, and a dot or a semicolon at the end
 * are accepted; the address comes out without them. Anything that could carry a second command or a
 * second address is refused. */
#ifndef WIRE_ADDRESS_H
#define WIRE_ADDRESS_H

#include "base/slice.h"

/* Borrows the line from which it was read. */
struct address {
    /* The text is "local@domain" as the client wrote it, without brackets and source route. The
     * null sender is "". Only parse_path returns it, and RCPT must refuse it. */
    struct slice text;
    struct slice local;
    /* The domain, "" where there is none. A literal keeps its brackets. */
    struct slice domain;
    /* Some byte is above 127 (RFC 6531). */
    bool has_utf8;
};

/* Reads one path at the start of `in`. *rest_r is the trimmed rest: the parameters. Returns false
 * if it is no address: it has a control (CR, LF, NUL or another), blanks outside of quotes,
 * unbalanced brackets, a second address, more than CAP_ADDRESS octets, invalid UTF-8 or an empty
 * local part. */
bool address_parse_path(struct slice in, struct address *address_r, struct slice *rest_r);
/* Reads a bare address that must be all of `in` (configuration, command line). */
bool address_parse(struct slice in, struct address *address_r);
/* Returns true for "postmaster" without a domain, in any case (RFC 5321 4.5.1). */
bool address_is_postmaster(const struct address *a);

#endif
