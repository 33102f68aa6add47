/* The header section of a message (RFC 5322 2.2), read as it streams by in constant memory: where
 * it ends, and how many hops it names. */
#ifndef WIRE_HEADER_H
#define WIRE_HEADER_H

#include <stdbool.h>

#include "base/slice.h"

enum header_place {
    HEADER_LINE_START,
    /* in a field's name */
    HEADER_NAME,
    /* blanks between name and colon (RFC 5322 4.5) */
    HEADER_AFTER_NAME,
    /* up to the line's end */
    HEADER_VALUE,
    /* the blank line came, or a line that is no field */
    HEADER_OVER,
};

/* octets of a name that are looked at */
enum { HEADER_NAME_KEPT = 16 };

struct header_scan {
    enum header_place place;
    char name[HEADER_NAME_KEPT];
    /* may exceed HEADER_NAME_KEPT: then the name is none that we look for */
    size_t name_len;
    bool in_first_line;
    /* of the value: "From me Thu Jan  1 ..." as in mbox files */
    bool in_mbox_line;
    /* Received: fields so far (RFC 5321 6.3) */
    unsigned received;
};

void header_scan_init(struct header_scan *h);
/* Reads canonical octets (every line ends in CRLF), cut anywhere. Octets after the section's end
 * are not looked at. A first line "From ..." (mbox) is passed over; any other line that is neither
 * a field nor a continuation ends the section. */
void header_scan(struct header_scan *h, struct slice in);
bool header_scan_is_over(const struct header_scan *h);
/* The name of the field at hand, as far as it was read; "" for one longer than HEADER_NAME_KEPT.
 * Until the next octet. */
struct slice header_scan_name(const struct header_scan *h);
/* Is this first line, with or without its CRLF and with or without a ">" before it, really of an
 * mbox file ("From me@example.com Thu Jan 1 00:00:00 2026"), not just a sentence? */
bool header_is_mbox_line(struct slice line);

#endif
