/* The header section of a message (RFC 5322 2.2), read in constant memory while it streams by:
 * where it ends, and how many hops it names. */
#ifndef WIRE_HEADER_H
#define WIRE_HEADER_H

#include <stdbool.h>

#include "base/slice.h"

enum header_place {
    HEADER_LINE_START,
    /* The place is within a field's name. */
    HEADER_NAME,
    /* The place is in the blanks between name and colon (RFC 5322 4.5). */
    HEADER_AFTER_NAME,
    /* The place is in the value, up to the line's end. */
    HEADER_VALUE,
    /* The blank line came, or a line that is no field. */
    HEADER_OVER,
};

/* A name is compared up to this many octets. */
enum { HEADER_NAME_KEPT = 16 };

struct header_scan {
    enum header_place place;
    char name[HEADER_NAME_KEPT];
    /* May exceed HEADER_NAME_KEPT. Then the name is none of those searched for. */
    size_t name_len;
    bool in_first_line;
    /* Within the value of "From me Thu Jan 1 ...", as in mbox files. */
    bool in_mbox_line;
    /* The number of Received: fields so far (RFC 5321 6.3). */
    unsigned received;
};

void header_scan_init(struct header_scan *h);
/* Reads canonical octets, cut anywhere: every line ends in CRLF. It ignores octets behind the
 * section's end. It skips a first line "From ..." (mbox). Any other line that is neither a field
 * nor a continuation ends the section. */
void header_scan(struct header_scan *h, struct slice in);
bool header_scan_is_over(const struct header_scan *h);
/* Borrows the name of the current field, as far as it was read, until the next octet. The name is
 * "" if it is longer than HEADER_NAME_KEPT. */
struct slice header_scan_name(const struct header_scan *h);
/* Returns whether this first line, with or without its CRLF and a ">" before it, is really one of
 * an mbox file ("From me@example.com Thu Jan 1 00:00:00 2026") and not a sentence. */
bool header_is_mbox_line(struct slice line);

#endif
