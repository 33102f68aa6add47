/* The header of a message that a program passes to `sendmail`: its recipients, fields that must not
 * be passed on, and fields that are missing. */
#ifndef APP_SENDMAIL_HEADER_H
#define APP_SENDMAIL_HEADER_H

#include "app/sendmail_addresses.h"
#include "base/buf.h"

struct sendmail_header {
    /* Borrowed. NULL if the header names no recipients. */
    struct mailboxes *recipients;
    /* For a From: line if there is none. name may be NULL. sender "" is the null sender. */
    const char *sender, *name;
    const char *hostname;
};

/* Copies canonical `message` to `out`: without a leading mbox line and without Bcc, with a From:
 * line and the blank line after the header. Reads recipients from To, Cc and Bcc, or of a resent
 * message from their Resent- forms alone. Returns -1 if there are too many, or if `out` is full. */
int sendmail_header_rewrite(const struct sendmail_header *h, struct slice message, struct buf *out,
                            struct err *err) MUST_USE;

#endif
