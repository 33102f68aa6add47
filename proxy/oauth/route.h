/* The way to the endpoints of an account's tokens, and to its API. */
#ifndef OAUTH_ROUTE_H
#define OAUTH_ROUTE_H

#include "config/config.h"
#include "io/http.h"

struct oauth_route {
    /* The route points to it. A name of 253 octets and a port fit. */
    char proxy[300];
    struct http_route route;
};

/* Borrows from the account, and the route from *route_r. */
void oauth_route_of(const struct upstream_config *account, struct oauth_route *route_r);
/* The same for the rung `443/api`: oauth_proxy is not for it. */
void api_route_of(const struct upstream_config *account, struct oauth_route *route_r);

#endif
