/* sd_notify without libsystemd: one datagram to $NOTIFY_SOCKET; nothing where that is not set. */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

#include "base/units.h"

void notify_ready(void);
void notify_reloading(usec monotonic_now);
void notify_stopping(void);

#endif
