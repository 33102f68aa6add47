/* The configuration by which messages are tried: it lives as long as a try that began with it. */
#ifndef SPOOL_RULES_H
#define SPOOL_RULES_H

#include "delivery/terms.h"
#include "mail/names.h"
#include "spool/format.h"
#include "upstream/account.h"
#include "wire/address.h"

struct rules {
    unsigned refs;
    struct delivery_env delivery;
    const struct names *names;
};

/* Keeps references to config and accounts; borrows the budget and names. Gives one reference. */
struct rules *rules_new(const struct io *io, struct copy_budget *budget, struct config *config,
                        struct accounts *accounts, const struct names *names);
struct rules *rules_ref(struct rules *rules);
/* Nulls it. */
void rules_unref(struct rules **rules);

/* Index in config->upstreams, or ROUTE_NONE: there is no account of this name. */
size_t rules_account(const struct rules *rules, const char *name);
/* Where a message goes whose account is gone: as at MAIL. ROUTE_NONE, ROUTE_LATER: route.h. */
size_t rules_route(const struct rules *rules, const struct spool_envelope *e);
/* Reads a stored sender; false: it is none. */
bool rules_sender(const struct spool_envelope *e, struct address *from_r);
/* The address that an account's own mail comes from: envelope_from, its user where that is an
 * address, else the postmaster of `qualify` or of this host. Gives. */
char *rules_own_address(const struct rules *rules, const struct upstream_config *u);

#endif
