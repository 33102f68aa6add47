/* Which program listens on a port that we want: as /proc tells it, on Linux. */
#ifndef APP_PORT_HOLDER_H
#define APP_PORT_HOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"

struct port_holder {
    /* It is 0 if the descriptors of that program may not be looked at. */
    pid_t pid;
    /* This is the name of the program, such as "master". It is empty where it is not known. */
    char name[32];
};

/* Whether some socket listens where this address would be bound: there, or on every address. */
bool port_holder_find(const struct addr *at, struct port_holder *holder_r);
/* Writes "master (pid 712)", or "another program". */
const char *port_holder_words(const struct port_holder *holder, char out[64]);

/* Of one line of /proc/net/tcp or tcp6: the inode of a listening socket that is in the way; 0: it
 * is none. */
uint64_t port_holder_inode(const char *line, const struct addr *at);

#endif
