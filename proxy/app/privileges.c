#include "app/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct passwd *default_user(void)
{
    const struct passwd *user = getpwnam("smtp-detour");
    return user ? user : getpwnam("nobody");
}

int identity_find(const struct server_config *config, struct identity *identity_r, struct err *err)
{
    struct identity identity = {0};
    *identity_r = identity;
    if (geteuid() != 0)
        return 0;
    const struct passwd *user = config->user ? getpwnam(config->user) : default_user();
    if (!user) {
        err_set(err, ERR_NOT_FOUND, "[server] user: there is no user %s on this machine",
                config->user ? config->user : "nobody");
        return -1;
    }
    identity.uid = user->pw_uid;
    identity.gid = user->pw_gid;
    snprintf(identity.name, sizeof identity.name, "%s", user->pw_name);
    identity.is_nobody = strcmp(user->pw_name, "nobody") == 0;
    identity.change = identity.uid != 0;
    if (config->group) {
        const struct group *group = getgrnam(config->group);
        if (!group) {
            err_set(err, ERR_NOT_FOUND, "[server] group: there is no group %s on this machine",
                    config->group);
            return -1;
        }
        identity.gid = group->gr_gid;
    }
    *identity_r = identity;
    return 0;
}

const struct file_owner *identity_owner(const struct identity *identity, struct file_owner *owner_r)
{
    *owner_r = (struct file_owner){identity->uid, identity->gid};
    return identity->change ? owner_r : NULL;
}

const char *identity_warning(const struct server_config *config, const struct identity *identity)
{
    const struct passwd *user = config->user ? getpwnam(config->user) : NULL;
    bool is_root = geteuid() == 0 ? !identity->change : user && user->pw_uid == 0;
    bool is_nobody =
        geteuid() == 0 ? identity->is_nobody : user && strcmp(user->pw_name, "nobody") == 0;
    if (is_nobody)
        return "running as nobody, which other programs may share: make a user smtp-detour, or set "
               "[server] user";
    return is_root ? "running as root: make a user smtp-detour, or set [server] user" : NULL;
}

/* Keeps only the right to bind ports below 1024, for listeners that a reload adds. */
static int keep_bind_right(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    data[0].permitted = data[0].effective = 1u << CAP_NET_BIND_SERVICE;
    return (int)syscall(SYS_capset, &header, data);
}

/* No program that we start can get a right back, even from a file that has some. Where a container
 * has taken CAP_SETPCAP from us, no_new_privs does the same. */
static void empty_bounding_set(void)
{
    for (unsigned long right = 0; prctl(PR_CAPBSET_DROP, right, 0, 0, 0) == 0; right++)
        ;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static int failed(struct err *err, const char *doing)
{
    err_set_errno(err, errno, doing);
    return -1;
}

int identity_assume(const struct identity *identity, struct err *err)
{
    if (!identity->change)
        return 0;
    empty_bounding_set();
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
        return failed(err, "cannot keep the right to bind ports");
    if (setgroups(0, NULL) != 0 || setgid(identity->gid) != 0)
        return failed(err, "cannot change the group");
    if (setuid(identity->uid) != 0)
        return failed(err, "cannot change the user");
    if (keep_bind_right() != 0)
        return failed(err, "cannot give up root's rights");
    if (setuid(0) == 0) {
        err_set(err, ERR_PERMISSION, "root's rights could be taken back after giving them up");
        return -1;
    }
    /* When the user changed, the kernel reset whether we dump core. */
    privileges_lock_down();
    return 0;
}

int identity_assume_for_commands(const struct config *config, struct err *err)
{
    struct identity identity;
    for (size_t i = 0; i < config->nupstreams; i++)
        if (config->upstreams[i].password_command.n > 0 ||
            config->upstreams[i].oauth.flow != TOKEN_NONE)
            return identity_find(&config->server, &identity, err) == 0
                       ? identity_assume(&identity, err)
                       : -1;
    return 0;
}

void privileges_lock_down(void)
{
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int descriptors_fill(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        /* The call open() returns the lowest free descriptor. */
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return -1;
    return 0;
}

unsigned long descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return (unsigned long)limit.rlim_cur;
}

unsigned long descriptors_wanted(const struct config *config)
{
    /* For listeners, log, loop and helpers. */
    unsigned long n = 64;
    for (size_t i = 0; i < config->nlistens; i++)
        n += config->listens[i].max_clients;
    for (size_t i = 0; i < config->nupstreams; i++)
        n += config->upstreams[i].max_connections;
    return n;
}
