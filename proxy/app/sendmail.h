/* The program under the names `sendmail`, `mailq` and `newaliases`, as cron, PHP's mail(), mailx
 * and package scripts call it (PROMISES 2). Handing a message over reads no configuration and needs
 * no secret; what is about the queue is `smtp-detour spool`, with the configuration named here or
 * by -C. */
#ifndef APP_SENDMAIL_H
#define APP_SENDMAIL_H

#include <stdbool.h>

/* Returns whether the last part of argv0 is one of these names. */
bool sendmail_is_meant(const char *argv0);
/* Returns the exit status: 0, 1 refused, 64 no recipients, 75 try again later. */
int sendmail_main(const char *config_file, int argc, char **argv);

#endif
