/* The command `smtp-detour check` reads the configuration and prints every error and warning. */
#ifndef APP_CHECK_H
#define APP_CHECK_H

#include "config/config.h"

int check_main(const char *config_file, int argc, char **argv);

/* Gives the config of the file and prints its report to stderr. Returns NULL if there is an
 * error. */
struct config *load_config_or_complain(const char *config_file);

/* NULL after a list, on standard error, of the accounts that there are. Borrowed. */
const struct upstream_config *find_account_or_complain(const struct config *config,
                                                       const char *subcommand, const char *name);

#endif
