/* Which header fields a DKIM-Signature covers (RFC 6376 3.5, the tag h=), read as the field streams
 * by in constant memory. A name in it that the message has no field for covers the absence: to add
 * one breaks the signature (5.4.2). */
#ifndef WIRE_DKIM_H
#define WIRE_DKIM_H

#include <stdbool.h>

#include "base/slice.h"

/* octets of a word that are looked at: "message-id" */
enum { DKIM_NAME_KEPT = 10 };

/* zero-initialised: nothing is covered */
struct dkim_scan {
    /* of all fields read so far */
    bool date, message_id, from;
    bool in_field, in_value, in_names;
    char word[DKIM_NAME_KEPT];
    /* may exceed DKIM_NAME_KEPT: then the word is none that we look for */
    size_t len;
};

/* the colon of a DKIM-Signature came */
void dkim_scan_begin(struct dkim_scan *d);
/* Octets of its value, cut anywhere, folding and line ends among them. Outside of a field they are
 * passed over. */
void dkim_scan(struct dkim_scan *d, struct slice in);
/* the field is over, if there was one */
void dkim_scan_end(struct dkim_scan *d);

#endif
