/* One configuration with its accounts and certificates. It lives as long as any session or message
 * that began with it. */
#ifndef RELAY_GENERATION_H
#define RELAY_GENERATION_H

#include "config/config.h"
#include "delivery/terms.h"
#include "relay/certificates.h"
#include "smtp/server.h"

struct listener_view {
    const struct listen_config *config;
    struct smtp_server_settings settings;
};

struct generation {
    unsigned refs;
    struct config *config;
    /* Messages are delivered with this. Its accounts are our references. */
    struct delivery_env delivery;
    struct listener_view *listeners;
    struct certificates *certificates;
};

/* Keeps references to config, certificates and each account. Borrows io and the budget. Gives one
 * reference. */
struct generation *generation_new(const struct io *io, struct copy_budget *budget,
                                  struct config *config, struct accounts *accounts,
                                  struct certificates *certificates);
struct generation *generation_ref(struct generation *g);
/* Sets *g to NULL. */
void generation_unref(struct generation **g);
/* Releases the accounts at once, because their owner frees them in this turn. A session may live a
 * moment longer. */
void generation_let_accounts_go(struct generation *g);
/* Lends the listener of that name, or returns NULL if there is none any more. */
const struct listener_view *generation_listener(const struct generation *g, const char *name);

#endif
