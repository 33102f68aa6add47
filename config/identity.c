/* This file judges which user the server becomes. The user and group of [server] must exist on this
 * machine, and some things are not done as nobody. */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/load.h"

static const char *name_or_empty(const struct passwd *user)
{
    return user ? user->pw_name : "";
}

/* Returns the user to whom the server's files and connections will belong. NULL means that nobody
 * knows. A process that is not root keeps its user. On a reload this is the server itself. */
static const struct passwd *server_user(const struct server_config *server)
{
    return geteuid() != 0 ? getpwuid(geteuid())
           : server->user ? getpwnam(server->user)
                          : getpwnam("smtp-detour");
}

bool will_be_nobody(const struct server_config *server)
{
    const char *name = name_or_empty(server_user(server));
    return strcmp(name, "nobody") == 0 || (!*name && geteuid() == 0 && !server->user);
}

const char *server_user_name(const struct server_config *server)
{
    const struct passwd *user = server_user(server);
    return user ? user->pw_name : server->user ? server->user : "nobody";
}

static bool is_member(const struct passwd *user, gid_t group)
{
    gid_t groups[64];
    int n = (int)(sizeof groups / sizeof *groups);
    if (getgrouplist(user->pw_name, user->pw_gid, groups, &n) < 0)
        return user->pw_gid == group;
    for (int i = 0; i < n; i++)
        if (groups[i] == group)
            return true;
    return false;
}

bool server_may(const struct server_config *server, const char *path, unsigned want)
{
    const struct passwd *user = server_user(server);
    struct stat st;
    if (stat(path, &st) != 0)
        return errno != EACCES;
    if (!user || user->pw_uid == 0)
        return true;
    unsigned bits = st.st_uid == user->pw_uid    ? st.st_mode >> 6
                    : is_member(user, st.st_gid) ? st.st_mode >> 3
                                                 : st.st_mode;
    return (bits & want) == want;
}

/* It is an error if it keeps the server from starting. A user without root may check a file for
 * another machine, or start the server without becoming another user. */
static void miss(struct loading *l, const struct section *s, const char *key, const char *name)
{
    if (geteuid() == 0)
        complain(l, s, key, "there is no %s %s on this machine", key, name);
    else
        advise(l, s, key,
               "there is no %s %s on this machine; started as root, the server would not start",
               key, name);
}

static void check_server(struct loading *l, const struct section *s)
{
    const struct server_config *server = section_struct(l, s);
    if (is_given(s, "user") && !is_bad(s, "user") && !getpwnam(server->user))
        miss(l, s, "user", server->user);
    if (is_given(s, "group") && !is_bad(s, "group") && !getgrnam(server->group))
        miss(l, s, "group", server->group);
}

static void check_intercept(struct loading *l, const struct section *s)
{
    const struct listen_config *c = section_struct(l, s);
    if (c->intercept && will_be_nobody(&l->config->server))
        complain(l, s, "intercept",
                 "not as nobody: a packet filter must be able to except this program's own "
                 "connections by its user; make a user "
                 "smtp-detour, or set [server] user");
}

static void check_spool_owner(struct loading *l, const struct section *s)
{
    if (will_be_nobody(&l->config->server))
        complain(l, s, NULL,
                 "not as nobody: whatever else runs as nobody could read and change the mail in "
                 "it; make a user smtp-detour, or set [server] user");
}

void check_identity(struct loading *l)
{
    for (size_t i = 0; i < l->nsections; i++) {
        const struct section *s = &l->sections[i];
        if (s->repeat)
            continue;
        /* A running server does not change its user. */
        if (s->id == SECTION_SERVER && !l->old)
            check_server(l, s);
        if (s->id == SECTION_LISTEN)
            check_intercept(l, s);
        if (s->id == SECTION_SPOOL)
            check_spool_owner(l, s);
    }
}
