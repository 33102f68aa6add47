/* `smtp-detour cluster`: a new key, and who is there. */
#ifndef APP_CLUSTER_COMMAND_H
#define APP_CLUSTER_COMMAND_H

int cluster_command_main(const char *config_file, int argc, char **argv);

#endif
