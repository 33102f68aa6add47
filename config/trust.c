/* Decides whether root may trust this config file. It can name user = root and a command, so a user
 * who may write it may do what root may. */
/* The function realpath belongs to the XSI part of POSIX. */
#define _XOPEN_SOURCE 700
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/load.h"

/* Returns which other user may write it, or NULL. Root's group counts as root. In a sticky
 * directory (/tmp) others cannot touch root's files. */
static const char *writer(const struct stat *st, char words[64])
{
    bool is_sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX);
    if (st->st_uid != 0) {
        const struct passwd *owner = getpwuid(st->st_uid);
        snprintf(words, 64, "its owner %.40s", owner ? owner->pw_name : "(who has no name)");
        return words;
    }
    if (is_sticky)
        return NULL;
    return st->st_mode & S_IWOTH                        ? "everybody"
           : (st->st_mode & S_IWGRP) && st->st_gid != 0 ? "its group"
                                                        : NULL;
}

static void report(struct loading *l, bool is_warning, const char *path, const char *who)
{
    findings_add(&l->findings, 0, is_warning, NULL,
                 "%s may be written by %s, and with it what root is told to do here%s", path, who,
                 is_warning ? "" : "; needed: owner root, and chmod go-w");
}

/* Cuts the last part off. Returns false if it was the root directory. */
static bool go_up(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash || path[1] == 0)
        return false;
    slash[slash == path ? 1 : 0] = 0;
    return true;
}

void check_trust(struct loading *l, const char *file, const struct stat *st)
{
    char words[64], unsafe[PATH_MAX] = "",
                    *path = geteuid() == 0 && !l->old ? realpath(file, NULL) : NULL;
    struct stat here = *st, above;
    bool is_mounted = false;
    if (!path)
        return;
    const char *who = writer(&here, words);
    if (who)
        snprintf(unsafe, sizeof unsafe, "%s", path);
    /* Like sshd, it checks each directory up to the root. It stops where the device changes:
     * containers mount their host's files, and the owners of those have no meaning inside. */
    while (go_up(path) && stat(path, &above) == 0) {
        is_mounted = is_mounted || above.st_dev != here.st_dev;
        here = above;
        if (!who && (who = writer(&here, words)))
            snprintf(unsafe, sizeof unsafe, "the directory %s", path);
    }
    if (who)
        report(l, is_mounted, unsafe, who);
    free(path);
}
