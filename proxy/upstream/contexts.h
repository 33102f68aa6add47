/* The TLS contexts of all accounts of one config. They are made apart from the accounts because
 * that reads files, and a bundle of the system's authorities takes 20 ms. A reload makes them on
 * another thread. */
#ifndef UPSTREAM_CONTEXTS_H
#define UPSTREAM_CONTEXTS_H

#include "config/config.h"
#include "io/tls_context.h"

struct contexts;

/* Gives. Blocks. Reads the config and nothing else that another thread could change. contexts_get
 * reports what failed. Accounts with equal settings share a context. Accounts that name the same
 * tls_ca, or none, share the authorities. */
struct contexts *contexts_new(const struct config *config);
/* *contexts may be NULL. */
void contexts_free(struct contexts **contexts);

/* Gives a reference to the context of the account of this index, or NULL if none of its ports ever
 * speaks TLS. Returns -1 with the words of settings_tls. */
int contexts_get(const struct contexts *contexts, size_t index, struct tls_context **tls_r,
                 struct err *err) MUST_USE;

#endif
