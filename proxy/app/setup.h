/* The command `smtp-detour setup` leads from nothing to a configuration that has delivered a test
 * mail. Everything that it asks can also be given as an option. Nothing is written before the login
 * has succeeded. */
#ifndef APP_SETUP_H
#define APP_SETUP_H

int setup_main(const char *config_file, int argc, char **argv);

#endif
