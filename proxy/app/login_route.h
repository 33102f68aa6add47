/* How the endpoints of a login are reached. */
#ifndef APP_LOGIN_ROUTE_H
#define APP_LOGIN_ROUTE_H

#include "config/config.h"
#include "io/http.h"

struct login_route {
    /* Of the route; a name of 253 octets and a port fit. */
    char proxy[300];
    struct http_route route;
};

/* Borrows from the account. */
void login_route_of(const struct upstream_config *account, struct login_route *route_r);

#endif
