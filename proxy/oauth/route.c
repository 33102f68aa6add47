#include "oauth/route.h"

#include <stdio.h>
#include <string.h>

static void find_way(const struct upstream_config *account, const struct endpoint_way *way,
                     struct oauth_route *route_r)
{
    const struct outbound_proxy *proxy =
        way->proxy.kind != PROXY_NONE ? &way->proxy : &account->proxy;
    *route_r = (struct oauth_route){.route = {.source = account->source,
                                              .family = account->family,
                                              .ca_file = account->tls_ca}};
    if (way->direct) {
        route_r->route.proxy = "";
    } else if (proxy->kind != PROXY_NONE) {
        bool literal = strchr(proxy->host, ':');
        snprintf(route_r->proxy, sizeof route_r->proxy, "%s://%s%s%s:%u",
                 proxy->kind == PROXY_SOCKS5 ? "socks5h" : "http", literal ? "[" : "", proxy->host,
                 literal ? "]" : "", (unsigned)proxy->port);
        route_r->route.proxy = route_r->proxy;
        route_r->route.proxy_user = proxy->user;
        route_r->route.proxy_password = proxy->password;
    }
}

void oauth_route_of(const struct upstream_config *account, struct oauth_route *route_r)
{
    find_way(account, &account->oauth.way, route_r);
}

void api_route_of(const struct upstream_config *account, struct oauth_route *route_r)
{
    find_way(account, &(const struct endpoint_way){0}, route_r);
}
