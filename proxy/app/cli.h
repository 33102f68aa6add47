/* The command line: subcommand, configuration file, help. */
#ifndef APP_CLI_H
#define APP_CLI_H

#include <stddef.h>

struct subcommand {
    const char *name;
    const char *arguments;
    const char *summary;
    /* The text that --help adds. */
    const char *help;
    int (*run)(const char *config_file, int argc, char **argv);
};

/* Borrows the table, for the manual page. */
const struct subcommand *cli_subcommands(size_t *n_r);
/* Returns the exit status. */
int cli_main(int argc, char **argv);

#endif
