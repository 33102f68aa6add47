/* The addresses that the upstream gets, made from those of the client (PROMISES 3: envelope_from,
 * qualify, aliases). It only computes. Routing does not depend on it: its patterns see the client's
 * addresses. */
#ifndef MAIL_REWRITE_ENVELOPE_H
#define MAIL_REWRITE_ENVELOPE_H

#include "config/config.h"
#include "wire/address.h"

/* Each gives an address. "" is the null sender, which stays as it is. Returns NULL if the address
 * has no domain and the configuration has none for it (501). */
char *rewrite_sender(const struct upstream_config *u, const struct address *from);
/* An address without a domain gets the alias of that name, in any case, else the alias "*", else
 * `qualify`. */
char *rewrite_recipient(const struct aliases *aliases, const struct upstream_config *u,
                        const struct address *to);

#endif
