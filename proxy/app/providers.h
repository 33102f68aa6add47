/* The command `smtp-detour providers [NAME]` prints the built-in presets for people. */
#ifndef APP_PROVIDERS_H
#define APP_PROVIDERS_H

int providers_main(const char *config_file, int argc, char **argv);

#endif
