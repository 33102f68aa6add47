/* The command line: which subcommand, which file, help. */
#ifndef APP_CLI_H
#define APP_CLI_H

#include <stddef.h>

#define DEFAULT_CONFIG_FILE "/etc/smtp-detour/proxy.ini"

struct subcommand {
    const char *name;
    const char *arguments;
    const char *summary;
    const char *help; /* what --help adds */
    int (*run)(const char *config_file, int argc, char **argv);
};

const struct subcommand *cli_subcommands(size_t *n_r); /* for the manual page */
int cli_main(int argc, char **argv);                   /* returns the exit status */

#endif
