/* `smtp-detour check --route FROM [CLIENT]`: which account takes a message, and why those before it
 * do not. */
#ifndef APP_CHECK_ROUTE_H
#define APP_CHECK_ROUTE_H

#include "config/config.h"

/* from: an address, or "<>"; client: an IP address, NULL: this machine. Returns the exit status: 1
 * when nobody takes it. */
int check_route(const struct config *config, const char *from, const char *client);

#endif
