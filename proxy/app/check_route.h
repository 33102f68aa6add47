/* The command `smtp-detour check --route FROM [CLIENT]` says which account takes a message, and why
 * those before it do not. */
#ifndef APP_CHECK_ROUTE_H
#define APP_CHECK_ROUTE_H

#include "config/config.h"

/* The sender `from` is an address, or "<>". The client is an IP address, or NULL for this machine.
 * Returns the exit status, which is 1 if no account takes the message. */
int check_route(const struct config *config, const char *from, const char *client);

#endif
