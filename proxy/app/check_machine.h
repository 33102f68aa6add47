/* What `check` learns from this machine: files that the server's user may not read, ports that
 * another program holds. All of it is warned of, for none of it is wrong with the file. */
#ifndef APP_CHECK_MACHINE_H
#define APP_CHECK_MACHINE_H

#include "config/config.h"

/* Prints to stderr. */
void check_machine(const struct config *config);

#endif
