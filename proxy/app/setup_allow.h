/* Who may send through this machine: programs on it, or the networks that its interfaces are in. */
#ifndef APP_SETUP_ALLOW_H
#define APP_SETUP_ALLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum { NEIGHBOURS_MOST = 16 };

/* An address of this machine beyond loopback, and the network around it. */
struct neighbours {
    struct addr here;
    struct network network;
    char interface[16];
};

/* Link-local addresses and networks of one address are left out. Returns how many there are. */
size_t neighbours_find(struct neighbours out[NEIGHBOURS_MOST]);
/* Whether this machine has the address ::1. */
bool loopback_has_v6(void);
/* The first of 25, 2525 and the ports behind it that no program holds on this address. holder_r
 * says who has 25, and is "" where nobody has. */
uint16_t listen_port_find(const struct addr *at, char holder_r[64]);

#endif
