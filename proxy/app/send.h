/* The command `smtp-detour send` sends one message through the same delivery and ladder as the
 * server's, past the rules of its listeners. It prints the trail of the message. */
#ifndef APP_SEND_H
#define APP_SEND_H

int send_main(const char *config_file, int argc, char **argv);

#endif
