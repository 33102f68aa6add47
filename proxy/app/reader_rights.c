#include "app/reader_rights.h"

#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum { READ = 4, ENTER = 1 };

void reader_rights_of(const char *user, uid_t uid, gid_t gid, struct reader_rights *r)
{
    *r = (struct reader_rights){.uid = uid, .ngroups = READER_GROUPS};
    if (getgrouplist(user, gid, r->groups, &r->ngroups) < 0)
        r->ngroups = READER_GROUPS;
}

static bool is_in(const struct reader_rights *r, gid_t group)
{
    for (int i = 0; i < r->ngroups; i++)
        if (r->groups[i] == group)
            return true;
    return false;
}

static bool has_list(const char *path)
{
    return getxattr(path, "system.posix_acl_access", NULL, 0) > 0;
}

/* The first class that fits decides, as in the kernel. */
static bool may(const struct reader_rights *r, const char *path, unsigned right)
{
    struct stat st;
    if (r->uid == 0 || stat(path, &st) != 0 || has_list(path))
        return true;
    unsigned shift = st.st_uid == r->uid ? 6 : is_in(r, st.st_gid) ? 3 : 0;
    return ((unsigned)st.st_mode >> shift & right) == right;
}

bool reader_may_read(const struct reader_rights *r, const char *path, char *where_r, size_t size)
{
    char *real = realpath(path, NULL);
    bool allowed = true;
    if (!real)
        return true;
    for (char *slash = real; allowed && (slash = strchr(slash, '/')); slash++) {
        char *end = slash == real ? slash + 1 : slash, kept = *end;
        *end = 0;
        allowed = may(r, real, ENTER);
        if (!allowed)
            snprintf(where_r, size, "%s", real);
        *end = kept;
    }
    if (allowed && !may(r, real, READ)) {
        snprintf(where_r, size, "%s", real);
        allowed = false;
    }
    free(real);
    return allowed;
}
