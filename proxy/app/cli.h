/* The command line: which subcommand, which file, help. */
#ifndef APP_CLI_H
#define APP_CLI_H

#define DEFAULT_CONFIG_FILE "/etc/smtp-detour/proxy.ini"

int cli_main(int argc, char **argv); /* returns the exit status */

#endif
