/* The command `smtp-detour run` is the server, from reading the configuration to the last drained
 * message. */
#ifndef APP_DAEMON_H
#define APP_DAEMON_H

/* Returns the exit status. */
int daemon_main(const char *config_file);

#endif
