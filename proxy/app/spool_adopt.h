/* The command `smtp-detour spool adopt DIR` takes in the mail of an instance that is gone. Each
 * message is taken in here first, with its past, and is removed there afterwards. If that breaks at
 * any point, at least one of the two spools has the message. */
#ifndef APP_SPOOL_ADOPT_H
#define APP_SPOOL_ADOPT_H

#include "config/config.h"

/* As the user to whom the configured spool belongs. Returns the exit status; gives the words, for
 * people. */
int spool_adopt(const struct config *config, const char *directory, char **words_r);

#endif
