/* The configuration by which messages are tried. It lives as long as a try that began with it. */
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

/* Keeps references to config and accounts. Borrows the budget and names. Gives one reference. */
struct rules *rules_new(const struct io *io, struct copy_budget *budget, struct config *config,
                        struct accounts *accounts, const struct names *names);
struct rules *rules_ref(struct rules *rules);
/* Sets *rules to NULL. */
void rules_unref(struct rules **rules);

/* Returns the index in config->upstreams, or ROUTE_NONE if there is no account of this name. */
size_t rules_account(const struct rules *rules, const char *name);
/* Routes a message whose account is gone, as MAIL is routed. For ROUTE_NONE and ROUTE_LATER see
 * route.h. */
size_t rules_route(const struct rules *rules, const struct spool_envelope *e);
/* Reads a stored sender. Returns false if it is no address. */
bool rules_sender(const struct spool_envelope *e, struct address *from_r);
/* Gives the sender of an account's own mail: envelope_from, or the user if that is an address, or
 * the postmaster of `qualify` or of this host. */
char *rules_own_address(const struct rules *rules, const struct upstream_config *u);

#endif
