/* sd_notify without libsystemd: one datagram to $NOTIFY_SOCKET; nothing where that is not set. */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

#include <stdbool.h>

/* somebody listens */
bool notify_is_wanted(void);
/* "READY=1\nSTATUS=..." */
void notify_send(const char *state);

#endif
