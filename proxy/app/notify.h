/* This is sd_notify without libsystemd. It sends one datagram to $NOTIFY_SOCKET, and does nothing
 * if that is not set. */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

#include <stdbool.h>

/* A service manager listens. */
bool notify_is_wanted(void);
/* Sends "READY=1\nSTATUS=...". Never waits. */
void notify_send(const char *state);

#endif
