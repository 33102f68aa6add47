/* A log that drops everything, for subcommands that report to a person themselves. */
#ifndef APP_QUIET_H
#define APP_QUIET_H

#include "base/log.h"

struct log_sink quiet_sink(void);

#endif
