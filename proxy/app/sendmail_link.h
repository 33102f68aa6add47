/* The connection to the SMTP server on this machine, which is smtp-detour as a rule: 127.0.0.1:25,
 * else [::1]:25. */
#ifndef APP_SENDMAIL_LINK_H
#define APP_SENDMAIL_LINK_H

#include "base/err.h"
#include "base/slice.h"

/* Gives a connected socket that blocks, or -1. */
int link_open(struct err *err) MUST_USE;
/* Writes all of it. -1: the link is lost. */
int link_send(int fd, struct slice bytes) MUST_USE;

/* `sendmail -bs`: SMTP on stdin and stdout is carried to and from that server, octet for octet,
 * until the server closes. A program that gets no server is told so by an SMTP reply, too. Returns
 * the exit status. */
int link_carry_stdio(struct err *err);

#endif
