/* One file that the config names, and that may hold a secret: opened, judged, read. */
/* realpath is POSIX, but of its XSI part */
#define _XOPEN_SOURCE 700
#include "config/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/secret.h"

static bool lies_below(const char *path, const char *folder)
{
    char *real_path = realpath(path, NULL),
         *real_folder = folder && *folder ? realpath(folder, NULL) : NULL;
    bool below = real_path && real_folder &&
                 strncmp(real_path, real_folder, strlen(real_folder)) == 0 &&
                 real_path[strlen(real_folder)] == '/';
    free(real_path);
    free(real_folder);
    return below;
}

/* Container and systemd secrets have modes that the user cannot choose. */
void check_exposure(struct loading *l, const struct section *s, const char *key, const char *path,
                    unsigned mode, enum exposure what)
{
    if (what == NO_SECRET || !(mode & S_IROTH))
        return;
    if (what == OWN_SECRET)
        advise(l, s, key,
               "everybody may read %s (mode %04o), which holds a secret; better: owner and group, "
               "as after chmod 640",
               path, mode);
    else if (lies_below(path, "/run/secrets") || lies_below(path, getenv("CREDENTIALS_DIRECTORY")))
        advise(l, s, key, "everybody may read %s (mode %04o), which holds a secret", path, mode);
    else
        complain(l, s, key,
                 "everybody may read %s (mode %04o), which holds a secret; allowed: owner and "
                 "group, as after chmod 640",
                 path, mode);
}

int open_regular(const char *path, struct stat *st_r)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -1;
    if (fstat(fd, st_r) == 0 && S_ISREG(st_r->st_mode))
        return fd;
    close(fd);
    errno = S_ISDIR(st_r->st_mode) ? EISDIR : EINVAL;
    return -1;
}

void complain_of_file(struct loading *l, const struct section *s, const char *key, const char *path)
{
    complain(l, s, key, "%s cannot be read: %s", path,
             errno == EINVAL ? "it is not a regular file" : strerror(errno));
}

ssize_t read_some(int fd, char *bytes, size_t size)
{
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, bytes + len, size - len);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n == 0)
            break;
        len += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)len;
}

char *read_secret_file(struct loading *l, const struct section *s, const char *key,
                       const char *path, size_t max, size_t *len_r)
{
    struct stat st;
    int fd = open_regular(path, &st);
    if (fd < 0) {
        complain_of_file(l, s, key, path);
        return NULL;
    }
    check_exposure(l, s, key, path, st.st_mode & 07777, OWN_SECRET);
    char *bytes = mem_alloc(max + 2);
    ssize_t n = read_some(fd, bytes, max + 1);
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
