/* The connection to the SMTP server on this machine, which is usually smtp-detour: 127.0.0.1:25,
 * else [::1]:25. */
#ifndef APP_SENDMAIL_LINK_H
#define APP_SENDMAIL_LINK_H

#include "base/addr.h"
#include "base/err.h"
#include "base/slice.h"

/* Gives a connected, blocking socket, or returns -1. */
int link_open(struct err *err) MUST_USE;
/* The same to another address. */
int link_open_at(const struct addr *at, struct err *err) MUST_USE;
/* Writes all of it. Returns -1 if the link is lost. */
int link_send(int fd, struct slice bytes) MUST_USE;

/* The command `sendmail -bs` carries SMTP between stdin and stdout and that server, octet for
 * octet, until the server closes. If there is no server, the program gets an SMTP reply that says
 * so, too. Returns the exit status. */
int link_carry_stdio(struct err *err);

#endif
