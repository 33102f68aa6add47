/* Started as root: bind, read the secrets, create what the server writes, then become somebody who
 * may do nothing else. */
#ifndef APP_PRIVILEGES_H
#define APP_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "config/config.h"
#include "io/place.h"

struct identity {
    /* false: we are not root, or the configuration says user = root */
    bool change;
    uid_t uid;
    gid_t gid;
    char name[64];
    bool is_nobody;
};

/* Whom to become: [server] user and group, else smtp-detour if there is such a user, else nobody.
 * -1: no such user or group. */
int identity_find(const struct server_config *config, struct identity *identity_r,
                  struct err *err) MUST_USE;
/* To whom belongs what root writes for the server; NULL: nobody else. */
const struct file_owner *identity_owner(const struct identity *identity,
                                        struct file_owner *owner_r);
/* What is to be warned of: the server would be root, or nobody. NULL: nothing. Who is not root
 * hears it of an explicit user only. */
const char *identity_warning(const struct server_config *config, const struct identity *identity);
/* Becomes that identity, keeping CAP_NET_BIND_SERVICE (listeners of a later reload) and nothing
 * else. Before any thread is made. */
int identity_assume(const struct identity *identity, struct err *err) MUST_USE;
/* Opens /dev/null where stdin, stdout or stderr is closed, before anything else is opened: a socket
 * that became one of these would get what is written there. -1: /dev/null cannot be opened. */
int descriptors_fill(void) MUST_USE;
/* As many descriptors as the system lets us have. Returns how many that is. */
unsigned long descriptors_raise(void);
/* How many all clients and sessions of the configuration together could need. */
unsigned long descriptors_wanted(const struct config *config);
/* For the short-lived subcommands, when all files are read: as root they become that identity too
 * if any account has a password_command, which runs as the server's user, or logs in by token,
 * whose file belongs to that user. */
int identity_assume_for_commands(const struct config *config, struct err *err) MUST_USE;
/* No core with secrets, no new privileges through a set-uid program. Whatever the user, and
 * whatever the subcommand: load_config_or_complain and identity_assume do it. */
void privileges_lock_down(void);

#endif
