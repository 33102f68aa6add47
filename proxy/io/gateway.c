#include "io/gateway.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Reads "eth0 00000000 0100A8C0 0003 …": interface, destination and gateway as words in this
 * machine's byte order. */
static bool is_gateway_v4(const struct addr *a)
{
    char line[256];
    bool found = false;
    FILE *table = fopen("/proc/self/net/route", "re");
    while (table && !found && fgets(line, sizeof line, table)) {
        unsigned destination, gateway;
        if (sscanf(line, "%*s %8x %8x", &destination, &gateway) != 2 || destination != 0 ||
            gateway == 0)
            continue;
        uint32_t word = (uint32_t)gateway;
        found = memcmp(&word, a->bytes, sizeof word) == 0;
    }
    if (table)
        fclose(table);
    return found;
}

/* Reads "DESTINATION bits SOURCE bits GATEWAY …", with addresses as 32 digits. */
static bool is_gateway_v6(const struct addr *a)
{
    char line[256], own[33];
    bool found = false;
    for (size_t i = 0; i < 16; i++)
        snprintf(own + 2 * i, 3, "%02x", a->bytes[i]);
    FILE *table = fopen("/proc/self/net/ipv6_route", "re");
    while (table && !found && fgets(line, sizeof line, table)) {
        char gateway[33];
        unsigned bits;
        if (sscanf(line, "%*32s %2x %*32s %*2s %32s", &bits, gateway) == 2 && bits == 0)
            found = strcmp(gateway, own) == 0;
    }
    if (table)
        fclose(table);
    return found;
}

bool gateway_is(const struct addr *a)
{
    return a->family == ADDR_V4 ? is_gateway_v4(a) : a->family == ADDR_V6 && is_gateway_v6(a);
}
