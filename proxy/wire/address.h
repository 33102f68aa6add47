/* A mail address in MAIL and RCPT (RFC 5321 4.1.2), read as kindly as is safe: missing brackets,
 * source routes, names in front, brackets in brackets, blanks, a dot or a semicolon at the end are
 * taken, and the address comes out without them. Anything that could carry a second command or a
 * second address is not taken. */
#ifndef WIRE_ADDRESS_H
#define WIRE_ADDRESS_H

#include "base/slice.h"

/* borrows the line it was read from */
struct address {
    /* "local@domain" as the client wrote it, without brackets and source route; "" is the null
     * sender (parse_path only: RCPT must refuse it) */
    struct slice text;
    struct slice local;
    /* "" where there is none; with brackets for a literal */
    struct slice domain;
    /* some byte is above 127 (RFC 6531) */
    bool has_utf8;
};

/* Reads one path at the start of `in`; *rest_r is what follows (parameters), trimmed. false: not an
 * address (CR, LF, NUL, other controls, blanks within the address outside quotes, unbalanced
 * brackets, a second address, longer than CAP_ADDRESS, invalid UTF-8, empty local part). */
bool address_parse_path(struct slice in, struct address *address_r, struct slice *rest_r);
/* The same for a bare address that must be all of `in` (config, command line). */
bool address_parse(struct slice in, struct address *address_r);
/* without a domain, any case (RFC 5321 4.5.1) */
bool address_is_postmaster(const struct address *a);

#endif
