/* One configuration with its accounts, as clients meet it. It lives as long as a session or a
 * message that began with it. */
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
    /* what messages are delivered with; its accounts are references of ours */
    struct delivery_env delivery;
    struct listener_view *listeners;
    struct certificates *certificates;
};

/* Keeps references to config, certificates and each account; borrows io and the budget. Gives one
 * reference. */
struct generation *generation_new(const struct io *io, struct copy_budget *budget,
                                  struct config *config, struct accounts *accounts,
                                  struct certificates *certificates);
struct generation *generation_ref(struct generation *g);
/* Nulls *g. */
void generation_unref(struct generation **g);
/* The accounts' owner frees them in this turn: they do not outlive it, even where a session does
 * for a moment. */
void generation_let_accounts_go(struct generation *g);
/* NULL: there is no listener of that name (any more). Lends. */
const struct listener_view *generation_listener(const struct generation *g, const char *name);

#endif
