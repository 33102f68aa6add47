/* The address lists of To, Cc and Bcc (RFC 5322 3.4), as people and programs write them: with
 * display names, comments, groups, quoted local parts, folded lines, source routes, and blanks
 * around '@' and '.' (RFC 5322 4.4). */
#ifndef APP_SENDMAIL_ADDRESSES_H
#define APP_SENDMAIL_ADDRESSES_H

#include "base/caps.h"
#include "base/err.h"
#include "base/slice.h"

struct mailboxes {
    /* An item is "local@domain", or "local" alone. Each occurs once. */
    char **items;
    size_t n;
    /* The parts of a list that are no address, printable. The addresses beside them count
     * nevertheless. */
    char **bad;
    size_t n_bad;
};

/* Appends every address of one list. Returns -1 if there are too many. */
int mailboxes_read(struct mailboxes *list, struct slice text, struct err *err) MUST_USE;
void mailboxes_free(struct mailboxes *list);

#endif
