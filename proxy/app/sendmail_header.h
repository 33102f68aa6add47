/* The header of a message that a program hands to `sendmail`: who shall get it, what must not be
 * passed on, what is missing. */
#ifndef APP_SENDMAIL_HEADER_H
#define APP_SENDMAIL_HEADER_H

#include "app/sendmail_addresses.h"
#include "base/buf.h"

struct sendmail_header {
    /* borrowed; NULL: the header names none */
    struct mailboxes *recipients;
    /* for a From: line where there is none; name may be NULL, sender "" is the null sender */
    const char *sender, *name;
    const char *hostname;
};

/* Copies canonical `message` to `out`: without a leading mbox line and without Bcc, with a From:
 * line and the blank line after the header. Recipients are read from To, Cc and Bcc, or of a resent
 * message from their Resent- forms alone. -1: there are too many, or `out` is full. */
int sendmail_header_rewrite(const struct sendmail_header *h, struct slice message, struct buf *out,
                            struct err *err) MUST_USE;

#endif
