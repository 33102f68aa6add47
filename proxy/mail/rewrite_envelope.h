/* The addresses that the upstream hears, made of those that the client said (PROMISES 3:
 * envelope_from, qualify, aliases). Values in, text out. Routing knows nothing of this: its
 * patterns see what the client said. */
#ifndef MAIL_REWRITE_ENVELOPE_H
#define MAIL_REWRITE_ENVELOPE_H

#include "config/config.h"
#include "wire/address.h"

/* Each gives an address; "" is the null sender, which stays what it is. NULL: the address has no
 * domain, and nothing says which (501). */
char *rewrite_sender(const struct upstream_config *u, const struct address *from);
/* One without a domain: the alias that names it, in any case, else the alias "*", else
 * `qualify`. */
char *rewrite_recipient(const struct aliases *aliases, const struct upstream_config *u,
                        const struct address *to);

#endif
