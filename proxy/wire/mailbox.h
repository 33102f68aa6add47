/* The value of From: or Sender: (RFC 5322 3.4): which mailboxes it holds. It is read leniently,
 * because real mail is not strict: names with unquoted commas, colons or dots, comments, quoted
 * strings, encoded words, 8-bit names, source routes, semicolons between addresses, groups and
 * folding are all accepted. */
#ifndef WIRE_MAILBOX_H
#define WIRE_MAILBOX_H

#include "base/buf.h"
#include "base/slice.h"

/* Borrows the value. */
struct mailbox {
    /* The text before the address as it came. It may be quoted or folded and hold comments. */
    struct slice name;
    /* The address is "me@example.com", or "root" if the domain is missing, without brackets, route,
     * and the blanks and folding around it. It is empty for "<>" only. */
    struct slice address;
    /* The position of the address in the value: everything between the brackets, or the address
     * itself. */
    size_t from, to;
    /* The position behind it, its bracket and its comments. */
    size_t end;
};

/* Reads the next mailbox from *at on and advances *at. value is the text behind the colon, folded
 * as it came, without the last CRLF, which a quote without its end would include. Returns false if
 * there is none left. */
bool mailbox_next(struct slice value, size_t *at, struct mailbox *m_r);
/* Returns the number of mailboxes if the value is a valid list, each with its domain, or 0. It is
 * strict, but names may hold 8-bit octets. */
size_t mailbox_count_valid(struct slice value);
/* Appends a valid mailbox. The name, as mailbox_next returns it, is quoted if it must be. It keeps
 * its encoded words and its folding, and loses its comments. address is a valid one, or "". Returns
 * false if it does not fit. */
bool mailbox_write(struct buf *out, struct slice name, struct slice address) MUST_USE;

#endif
