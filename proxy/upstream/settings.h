/* The part of an account's configuration on which its sessions depend. */
#ifndef UPSTREAM_SETTINGS_H
#define UPSTREAM_SETTINGS_H

#include "config/config.h"
#include "io/tls_context.h"

/* Returns whether both have one name and the same value in every key that the table (config/keys.c)
 * marks as one of the connection. Then a reload keeps ladder, pool and sessions. Routing,
 * rewriting, the secret and its source are not marked. */
bool settings_equal(const struct upstream_config *a, const struct upstream_config *b);

/* Borrows the name for EHLO from the config: helo, else the server's name if it fits
 * (hostname_fits_ehlo), else "", which is the literal of the local address. */
const char *settings_helo(const struct config *config, const struct upstream_config *cfg);

/* Returns whether both trust the same and show the same certificate, so that one TLS context serves
 * both. */
bool settings_share_tls(const struct upstream_config *a, const struct upstream_config *b);
/* Gives the TLS context for an account. *context_r is NULL if none of its ports ever speaks TLS.
 * trust_of is NULL, or the context of an account with the same tls_ca, so that the file is not read
 * again. The words of err name section and key. */
int settings_tls(const struct upstream_config *cfg, const struct tls_context *trust_of,
                 struct tls_context **context_r, struct err *err) MUST_USE;

/* Gives the list of the addresses on which a server with this config listens, and returns their
 * number. An upstream at one of them is that server itself. */
size_t settings_listeners(const struct config *config, struct addr **list_r);

#endif
