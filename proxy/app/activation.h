/* The sockets that a service manager passed (socket activation): $LISTEN_PID, $LISTEN_FDS,
 * $LISTEN_FDNAMES. */
#ifndef APP_ACTIVATION_H
#define APP_ACTIVATION_H

#include <stddef.h>

struct config;
struct listen_config;

struct passed_socket {
    /* Owned until the end, so that one reload can drop a listener and another can bring it back. */
    int fd;
    /* Its FileDescriptorName, by default the name of its unit. */
    char *name;
};

struct passed_sockets {
    struct passed_socket *items;
    size_t n;
};

/* Gives the sockets that were passed to this very process. Our children inherit none of them.
 * Unsets the variables, so call it once, before any thread is made. */
struct passed_sockets passed_sockets_take(void);
/* Closes them. */
void passed_sockets_free(struct passed_sockets *sockets);
/* Borrows the section whose address = systemd:NAME names the socket, else the one with address =
 * systemd. Returns NULL if no section uses it. */
const struct listen_config *passed_socket_owner(const struct passed_socket *socket,
                                                const struct config *config);

#endif
