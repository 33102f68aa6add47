/* The address lists of To, Cc and Bcc (RFC 5322 3.4), as people and programs write them: display
 * names, comments, groups, quoted local parts, folded lines, source routes and blanks around '@'
 * and '.' (RFC 5322 4.4). */
#ifndef APP_SENDMAIL_ADDRESSES_H
#define APP_SENDMAIL_ADDRESSES_H

#include "base/caps.h"
#include "base/err.h"
#include "base/slice.h"

struct mailboxes {
    /* "local@domain", or "local" alone; each once */
    char **items;
    size_t n;
    /* What stood in a list and is no address, printable; the addresses beside it count all the
     * same. */
    char **bad;
    size_t n_bad;
};

/* Appends every address of one list. -1: there are too many. */
int mailboxes_read(struct mailboxes *list, struct slice text, struct err *err) MUST_USE;
void mailboxes_free(struct mailboxes *list);

#endif
