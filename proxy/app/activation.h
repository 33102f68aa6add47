/* Sockets that a service manager passed us (socket activation): $LISTEN_PID, $LISTEN_FDS,
 * $LISTEN_FDNAMES. */
#ifndef APP_ACTIVATION_H
#define APP_ACTIVATION_H

#include <stddef.h>

struct config;
struct listen_config;

struct passed_socket {
    /* ours until the end, so that a listener can be dropped by one reload and come back with
     * another */
    int fd;
    /* of its FileDescriptorName, by default that of its unit */
    char *name;
};

struct passed_sockets {
    struct passed_socket *items;
    size_t n;
};

/* What was passed to this very process; none of it reaches our children. Unsets the variables, so
 * call it once, before any thread is made. */
struct passed_sockets passed_sockets_take(void);
/* closes them */
void passed_sockets_free(struct passed_sockets *sockets);
/* The section whose address = systemd:NAME names the socket, else the one with address = systemd;
 * NULL: nobody's. */
const struct listen_config *passed_socket_owner(const struct passed_socket *socket,
                                                const struct config *config);

#endif
