/* Finds the header fields that a DKIM-Signature covers (the tag h= of RFC 6376 3.5), in constant
 * memory while the field streams by. A name in it without a field in the message covers the absence
 * of that field: adding one breaks the signature (5.4.2). */
#ifndef WIRE_DKIM_H
#define WIRE_DKIM_H

#include <stdbool.h>

#include "base/slice.h"

/* A word is compared up to this many octets, which "message-id" has. */
enum { DKIM_NAME_KEPT = 10 };

/* In a zeroed struct nothing is covered. */
struct dkim_scan {
    /* The fields covered by all signatures read so far. */
    bool date, message_id, from;
    bool in_field, in_value, in_names;
    char word[DKIM_NAME_KEPT];
    /* May exceed DKIM_NAME_KEPT. Then the word is none of those searched for. */
    size_t len;
};

/* Call this behind the colon of a DKIM-Signature. */
void dkim_scan_begin(struct dkim_scan *d);
/* Reads octets of the field's value, cut anywhere, with folding and line ends. Outside of a field
 * it ignores them. */
void dkim_scan(struct dkim_scan *d, struct slice in);
/* Ends the field, if there is one. */
void dkim_scan_end(struct dkim_scan *d);

#endif
