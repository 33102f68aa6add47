/* `smtp-detour providers [NAME]`: the built-in presets, as people read them. */
#ifndef APP_PROVIDERS_H
#define APP_PROVIDERS_H

int providers_main(const char *config_file, int argc, char **argv);

#endif
