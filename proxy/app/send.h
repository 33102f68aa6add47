/* `smtp-detour send`: submits one message through the same relay and ladder as the server's, and
 * prints the trail. */
#ifndef APP_SEND_H
#define APP_SEND_H

int send_main(const char *config_file, int argc, char **argv);

#endif
