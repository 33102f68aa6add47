/* With the command `smtp-detour login` a person signs in at the provider once, and the refresh
 * token goes into its file. */
#ifndef APP_LOGIN_H
#define APP_LOGIN_H

int login_main(const char *config_file, int argc, char **argv);

#endif
