/* A log for subcommands that tell a person themselves what happened: it says nothing. */
#ifndef APP_QUIET_H
#define APP_QUIET_H

#include "base/log.h"

struct log_sink quiet_sink(void);

#endif
