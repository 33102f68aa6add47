/* The one command that makes a secret file with the right owner and mode: whoever runs it types the
 * secret, which so is in no history and in no list of processes. */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>

#include "config/config.h"

/* The group of whoever the server will be, as the server itself finds it; NULL: there is none that
 * is its own. */
static const char *reading_group(const struct server_config *server)
{
    const struct passwd *user = getpwnam(server->user ? server->user : "smtp-detour");
    const struct group *group = server->group ? getgrnam(server->group)
                                : user        ? getgrgid(user->pw_gid)
                                              : NULL;
    return group && group->gr_gid != 0 ? group->gr_name : NULL;
}

const char *secret_command(const struct server_config *server, const char *path, char *out,
                           size_t size)
{
    const char *group = reading_group(server);
    snprintf(out, size, "install -D -m %s%s%s /dev/stdin %s", group ? "640" : "600",
             group ? " -g " : "", group ? group : "", path);
    return out;
}
