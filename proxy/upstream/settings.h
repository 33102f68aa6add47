/* What of an account's configuration its sessions were made with. */
#ifndef UPSTREAM_SETTINGS_H
#define UPSTREAM_SETTINGS_H

#include "config/config.h"
#include "io/tls_context.h"

/* Whether they have one name and the same in every key that the table (config/keys.c) marks as of
 * the connection: then a reload keeps ladder, pool and sessions. Not marked are routing, rewriting,
 * the secret and where it comes from. */
bool settings_equal(const struct upstream_config *a, const struct upstream_config *b);

/* The name for EHLO: helo, else the server's name if it fits (hostname_fits_ehlo), else "" (the
 * literal of the local address). Borrows from the config. */
const char *settings_helo(const struct config *config, const struct upstream_config *cfg);

/* Do both trust the same and show the same, so that one TLS context serves both? */
bool settings_share_tls(const struct upstream_config *a, const struct upstream_config *b);
/* The TLS context for an account; *context_r is NULL where no port ever speaks TLS. trust_of: a
 * context of an account with the same tls_ca, so that the file is not read again, or NULL. The
 * words of err name section and key. Gives. */
int settings_tls(const struct upstream_config *cfg, const struct tls_context *trust_of,
                 struct tls_context **context_r, struct err *err) MUST_USE;

/* Gives the list of the addresses on which a server with this config listens, and returns their
 * number. An upstream at one of them is that server itself. */
size_t settings_listeners(const struct config *config, struct addr **list_r);

#endif
