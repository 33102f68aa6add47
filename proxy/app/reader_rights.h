/* May the server's user read a file that root may? Told by owner, group and mode of the file and of
 * each folder above it, without becoming that user. */
#ifndef APP_READER_RIGHTS_H
#define APP_READER_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { READER_GROUPS = 64 };

struct reader_rights {
    uid_t uid;
    gid_t groups[READER_GROUPS];
    int ngroups;
};

/* The user's groups as a service manager gives them. */
void reader_rights_of(const char *user, uid_t uid, gid_t gid, struct reader_rights *rights_r);
/* False: it may not; where_r (of `size` octets) is the file or the folder that is in the way. A
 * file that is not there, or that has an access control list, is not judged: true. */
bool reader_may_read(const struct reader_rights *rights, const char *path, char *where_r,
                     size_t size);

#endif
