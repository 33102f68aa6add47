/* Opens, judges and reads one file that the config names and that may hold a secret. */
#include "config/named_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/secret_file.h"

/* The user cannot choose the modes of container and systemd secrets. */
void check_exposure(struct loading *l, const struct section *s, const char *key, const char *path,
                    unsigned mode, enum exposure what)
{
    enum secret_exposure shown = secret_file_exposure(path, mode);
    if (what == NO_SECRET || shown == SECRET_GUARDED)
        return;
    if (what == OWN_SECRET)
        advise(l, s, key,
               "everybody may read %s (mode %04o), which holds a secret; better: owner and group, "
               "as after chmod 640",
               path, mode);
    else if (shown == SECRET_SHOWN_BY_MANAGER)
        advise(l, s, key, "everybody may read %s (mode %04o), which holds a secret", path, mode);
    else
        complain(l, s, key,
                 "everybody may read %s (mode %04o), which holds a secret; allowed: owner and "
                 "group, as after chmod 640",
                 path, mode);
}

void complain_of_file(struct loading *l, const struct section *s, const char *key, const char *path)
{
    complain(l, s, key, "%s cannot be read: %s", path,
             errno == EINVAL ? "it is not a regular file" : strerror(errno));
}

char *read_secret_file(struct loading *l, const struct section *s, const char *key,
                       const char *path, size_t max, size_t *len_r)
{
    struct stat st;
    int fd = secret_file_open(path, &st);
    if (fd < 0) {
        complain_of_file(l, s, key, path);
        return NULL;
    }
    check_exposure(l, s, key, path, st.st_mode & 07777, OWN_SECRET);
    char *bytes = mem_alloc(max + 2);
    ssize_t n = secret_file_bytes(fd, bytes, max + 1);
    if (n < 0)
        complain_of_file(l, s, key, path);
    else if ((size_t)n > max)
        complain(l, s, key, "%s is larger than %zu octets", path, max);
    close(fd);
    *len_r = n < 0 ? 0 : (size_t)n;
    if (n >= 0 && *len_r <= max)
        return bytes;
    secret_erase(bytes, max + 2);
    free(bytes);
    return NULL;
}

bool config_is_out_of_reach(const char *file)
{
    return file && access(file, R_OK) != 0 && errno == EACCES;
}

bool stays_as_it_was(struct loading *l, const struct section *s, const char *key, const char *path,
                     const struct same_file *named, const char *words)
{
    if (!named->before || strcmp(named->now, named->before) != 0 || !config_is_out_of_reach(path))
        return false;
    advise(l, s, key, "%s cannot be read any more; %s", path, words);
    return true;
}
