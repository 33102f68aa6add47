/* The value of From: or Sender: (RFC 5322 3.4): where its first address stands. Read leniently, as
 * mail in the field is: names with unquoted commas or dots, comments, quoted strings, encoded
 * words, 8-bit names, source routes and folding are all passed over. */
#ifndef WIRE_MAILBOX_H
#define WIRE_MAILBOX_H

#include "base/slice.h"

/* borrows the value */
struct first_mailbox {
    /* of the first mailbox, "me@example.com", or "root" where the domain is missing; without
     * brackets, route, blanks and folding around it. Empty only for "<>" */
    struct slice address;
    /* where it stands in the value: all between the brackets, or the address itself */
    size_t from, to;
    /* of the first mailbox: the comma behind it, or the value's end where no other follows */
    size_t end;
    /* another mailbox follows */
    bool several;
};

/* value: what stands behind the colon, folded as it came, without the last CRLF (a quote that is
 * never closed would take it along). false: there is no address in it (empty, a group, several
 * words only). */
bool first_mailbox_read(struct slice value, struct first_mailbox *out_r);

#endif
