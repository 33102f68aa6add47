/* What a domain says about its submission servers in Mozilla's format of autoconfiguration
 * (config-v1.1.xml): an emailProvider with outgoingServers. */
#ifndef APP_SETUP_AUTOCONFIG_H
#define APP_SETUP_AUTOCONFIG_H

#include "base/slice.h"
#include "config/config.h"

enum { AUTOCONFIG_PORTS = 2 };

struct autoconfig {
    char host[256];
    /* Of that host, in the order of the file; all with TLS. */
    struct port ports[AUTOCONFIG_PORTS];
    size_t nports;
    /* The name to log in with, or "" if it does not say. */
    char username[256];
};

/* Reads the first server that takes mail over TLS, and what else is said of the same host. address
 * is the person's, for the places where the file means it. Returns false for a text that is no such
 * file, or that knows none. */
bool autoconfig_read(struct slice xml, const char *address, struct autoconfig *out);

#endif
