/* The value of From: or Sender: (RFC 5322 3.4): which mailboxes stand in it. Read leniently, as
 * mail in the field is: names with unquoted commas, colons or dots, comments, quoted strings,
 * encoded words, 8-bit names, source routes, semicolons between addresses, groups and folding are
 * all passed over. */
#ifndef WIRE_MAILBOX_H
#define WIRE_MAILBOX_H

#include "base/buf.h"
#include "base/slice.h"

/* borrows the value */
struct mailbox {
    /* What stands before the address, as it came: perhaps quoted, folded, with comments. */
    struct slice name;
    /* "me@example.com", or "root" where the domain is missing; without brackets, route, blanks and
     * folding around it. Empty only for "<>". */
    struct slice address;
    /* Where the address stands in the value: all between the brackets, or itself. */
    size_t from, to;
    /* Behind it, its bracket and comments. */
    size_t end;
};

/* The next mailbox from *at on, which moves on. value: what stands behind the colon, folded as it
 * came, without the last CRLF (a quote that is never closed would take it along). false: there is
 * none any more. */
bool mailbox_next(struct slice value, size_t *at, struct mailbox *m_r);
/* How many mailboxes the value is a valid list of, each with its domain; 0: it is none. Strict, but
 * that names may hold 8-bit octets. */
size_t mailbox_count_valid(struct slice value);
/* Appends a valid mailbox. The name, as mailbox_next gives it, is quoted where it must be; it keeps
 * its encoded words and its folding, and loses its comments. address: a valid one, or "". false: it
 * does not fit. */
bool mailbox_write(struct buf *out, struct slice name, struct slice address) MUST_USE;

#endif
