/* `smtp-detour cluster`: a new key, and who is there. */
#ifndef APP_CLUSTER_COMMAND_H
#define APP_CLUSTER_COMMAND_H

#include "config/config.h"

int cluster_command_main(const char *config_file, int argc, char **argv);
/* For doctor: prints what the shared engine says, and what is wrong with it. Returns an exit
 * status. */
int cluster_status(struct config *config, const char *command);

#endif
