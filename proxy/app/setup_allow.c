#include "app/setup_allow.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "app/port_holder.h"

/* Where port 25 is taken: what many know as the other port of mail, and a few behind it. */
enum { SMTP_PORT = 25, OTHER_PORT = 2525, OTHER_PORTS = 10 };

static bool fill_address(const struct sockaddr *from, struct addr *to)
{
    *to = (struct addr){0};
    if (from && from->sa_family == AF_INET) {
        to->family = ADDR_V4;
        memcpy(to->bytes, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    } else if (from && from->sa_family == AF_INET6) {
        to->family = ADDR_V6;
        memcpy(to->bytes, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
    }
    return to->family != ADDR_NONE;
}

static bool is_link_local(const struct addr *a)
{
    return a->family == ADDR_V4 ? a->bytes[0] == 169 && a->bytes[1] == 254
                                : a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/* The network of an address under its mask; false: it has no neighbours. */
static bool fill_network(const struct addr *here, const struct addr *mask, struct network *n)
{
    unsigned octets = here->family == ADDR_V4 ? 4 : 16;
    *n = (struct network){.base = *here};
    for (unsigned i = 0; i < octets; i++) {
        n->base.bytes[i] = here->bytes[i] & mask->bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            n->bits += mask->bytes[i] >> bit & 1;
    }
    return n->bits > 0 && n->bits < octets * 8;
}

static bool is_there_already(const struct neighbours *list, size_t n, const struct network *which)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].network.bits == which->bits && addr_equal(&list[i].network.base, &which->base))
            return true;
    return false;
}

size_t neighbours_find(struct neighbours out[NEIGHBOURS_MOST])
{
    struct ifaddrs *all = NULL;
    size_t n = 0;
    if (getifaddrs(&all) != 0)
        return 0;
    for (const struct ifaddrs *i = all; i && n < NEIGHBOURS_MOST; i = i->ifa_next) {
        struct neighbours *one = &out[n];
        struct addr mask;
        if (!(i->ifa_flags & IFF_UP) || !fill_address(i->ifa_addr, &one->here) ||
            !fill_address(i->ifa_netmask, &mask) || addr_is_loopback(&one->here) ||
            is_link_local(&one->here) || !fill_network(&one->here, &mask, &one->network) ||
            is_there_already(out, n, &one->network))
            continue;
        snprintf(one->interface, sizeof one->interface, "%s", i->ifa_name);
        n++;
    }
    freeifaddrs(all);
    return n;
}

bool loopback_has_v6(void)
{
    struct ifaddrs *all = NULL;
    struct addr a;
    bool has = false;
    if (getifaddrs(&all) != 0)
        return false;
    for (const struct ifaddrs *i = all; i && !has; i = i->ifa_next)
        has = fill_address(i->ifa_addr, &a) && a.family == ADDR_V6 && addr_is_loopback(&a);
    freeifaddrs(all);
    return has;
}

uint16_t listen_port_find(const struct addr *at, char holder_r[64])
{
    struct addr a = *at;
    struct port_holder holder;
    holder_r[0] = 0;
    a.port = SMTP_PORT;
    if (!port_holder_find(&a, &holder))
        return SMTP_PORT;
    port_holder_words(&holder, holder_r);
    for (a.port = OTHER_PORT; a.port < OTHER_PORT + OTHER_PORTS; a.port++)
        if (!port_holder_find(&a, &holder))
            return a.port;
    return OTHER_PORT;
}
