/* For a start as root: bind, read the secrets, create the server's files, then become a user
 * without any rights. */
#ifndef APP_PRIVILEGES_H
#define APP_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "config/config.h"
#include "io/place.h"

struct identity {
    /* It is false if we are not root, or if the configuration says user = root. */
    bool change;
    uid_t uid;
    gid_t gid;
    char name[64];
    bool is_nobody;
};

/* Finds the user to become: [server] user and group, else smtp-detour if there is such a user, else
 * nobody. Returns -1 if there is no such user or group. */
int identity_find(const struct server_config *config, struct identity *identity_r,
                  struct err *err) MUST_USE;
/* To whom belongs what root writes for the server; NULL: nobody else. */
const struct file_owner *identity_owner(const struct identity *identity,
                                        struct file_owner *owner_r);
/* What is to be warned of: the server would be root, or nobody. NULL: nothing. Who is not root
 * hears it of an explicit user only. */
const char *identity_warning(const struct server_config *config, const struct identity *identity);
/* Becomes that user. Keeps CAP_NET_BIND_SERVICE, for listeners of a later reload, and nothing else.
 * Call it before any thread is made. */
int identity_assume(const struct identity *identity, struct err *err) MUST_USE;
/* Opens /dev/null where stdin, stdout or stderr is closed, before anything else is opened.
 * Otherwise a socket could become one of these and get their output. Returns -1 if /dev/null cannot
 * be opened. */
int descriptors_fill(void) MUST_USE;
/* Allows as many descriptors as the system permits. Returns their number. */
unsigned long descriptors_raise(void);
/* Returns how many all clients and sessions of the configuration could need together. */
unsigned long descriptors_wanted(const struct config *config);
/* For the short-lived subcommands, when all files are read: as root they become that identity too
 * if any account has a password_command, which runs as the server's user, or logs in by token,
 * whose file belongs to that user. */
int identity_assume_for_commands(const struct config *config, struct err *err) MUST_USE;
/* Forbids a core with secrets, and new privileges through a set-uid program, for every user and
 * every subcommand. load_config_or_complain and identity_assume call it. */
void privileges_lock_down(void);

#endif
