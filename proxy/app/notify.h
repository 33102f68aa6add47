/* sd_notify without libsystemd: one datagram to $NOTIFY_SOCKET; nothing where that is not set. */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

#include <stdbool.h>

bool notify_is_wanted(void);         /* somebody listens */
void notify_send(const char *state); /* "READY=1\nSTATUS=..." */

#endif
