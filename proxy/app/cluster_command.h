/* The command `smtp-detour cluster` makes a new key, or shows which instances are there. */
#ifndef APP_CLUSTER_COMMAND_H
#define APP_CLUSTER_COMMAND_H

int cluster_command_main(const char *config_file, int argc, char **argv);

#endif
