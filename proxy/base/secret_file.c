/* The function realpath belongs to the XSI part of POSIX. */
#define _XOPEN_SOURCE 700
#include "base/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/mem.h"

#define CREDENTIAL "credential:"

static bool lies_below(const char *path, const char *folder)
{
    char *real_path = realpath(path, NULL);
    char *real_folder = folder && *folder ? realpath(folder, NULL) : NULL;
    size_t n = real_folder ? strlen(real_folder) : 0;
    bool below =
        real_path && real_folder && strncmp(real_path, real_folder, n) == 0 && real_path[n] == '/';
    free(real_path);
    free(real_folder);
    return below;
}

enum secret_exposure secret_file_exposure(const char *path, unsigned mode)
{
    if (!(mode & S_IROTH))
        return SECRET_GUARDED;
    return lies_below(path, "/run/secrets") || lies_below(path, getenv("CREDENTIALS_DIRECTORY"))
               ? SECRET_SHOWN_BY_MANAGER
               : SECRET_SHOWN;
}

int secret_file_open(const char *path, struct stat *st_r)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -1;
    bool known = fstat(fd, st_r) == 0;
    if (known && S_ISREG(st_r->st_mode))
        return fd;
    close(fd);
    errno = known && S_ISDIR(st_r->st_mode) ? EISDIR : EINVAL;
    return -1;
}

ssize_t secret_file_bytes(int fd, char *bytes, size_t size)
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

char *secret_file_path(const char *name)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    if (!slice_starts(slice_of(name), CREDENTIAL))
        return mem_string(name);
    if (!directory || !*directory)
        return NULL;
    size_t size = strlen(directory) + strlen(name) + 2;
    char *path = mem_alloc(size);
    snprintf(path, size, "%s/%s", directory, name + strlen(CREDENTIAL));
    return path;
}

/* An editor's marks before the text, which nobody sees and which no server takes. */
static const char *foreign_text(struct slice text)
{
    if (slice_starts(text, "\xEF\xBB\xBF"))
        return "it begins with a byte order mark; save it as plain text, UTF-8 without BOM";
    if (slice_starts(text, "\xFF\xFE") || slice_starts(text, "\xFE\xFF") ||
        (text.len >= 2 && (text.data[0] == 0) != (text.data[1] == 0)))
        return "it is UTF-16; save it as plain text, UTF-8 without BOM";
    return NULL;
}

/* Gives the first line as a secret; NULL with words that do not show it. */
static struct secret *first_line(struct slice text, const char **why_r)
{
    struct slice line = slice_head(text, slice_find(text, '\n'));
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    const char *foreign = foreign_text(text);
    *why_r = foreign                          ? foreign
             : line.len == 0                  ? "its first line is empty; the secret stands there"
             : line.len > CAP_SECRET          ? "its first line is too long"
             : slice_find(line, 0) < line.len ? "its first line holds a NUL octet"
                                              : NULL;
    return *why_r ? NULL : secret_new(line);
}

/* Describes a system error about the file in the words that the configuration uses, too. */
static void fail(struct err *err, int number, const char *path)
{
    struct err why;
    err_set_errno(&why, number, "");
    err_set(err, number == EINVAL ? ERR_INVALID : why.kind, "%.200s cannot be read%s", path,
            number == EINVAL ? ": it is not a regular file" : why.words);
}

static struct secret *read_line(int fd, const char *path, struct err *err)
{
    /* There is room for the CR, and for one octet that shows that a line is too long. */
    const size_t size = CAP_SECRET + 2;
    char *bytes = mem_alloc(size);
    struct secret *secret = NULL;
    const char *why = NULL;
    ssize_t n = secret_file_bytes(fd, bytes, size);
    if (n < 0)
        fail(err, errno, path);
    else if (!(secret = first_line(slice_make(bytes, (size_t)n), &why)))
        err_set(err, ERR_INVALID, "%.200s: %s", path, why);
    secret_erase(bytes, size);
    free(bytes);
    return secret;
}

struct secret *secret_file_read(const char *path, unsigned *mode_r, struct err *err)
{
    struct stat st;
    struct secret *secret = NULL;
    int fd = secret_file_open(path, &st);
    *mode_r = 0;
    if (fd < 0) {
        fail(err, errno, path);
        return NULL;
    }
    *mode_r = st.st_mode & 07777;
    if (secret_file_exposure(path, *mode_r) == SECRET_SHOWN)
        err_set(err, ERR_PERMISSION,
                "everybody may read %.200s (mode %04o), which holds a secret; allowed: owner and "
                "group, as after chmod 640",
                path, *mode_r);
    else
        secret = read_line(fd, path, err);
    close(fd);
    return secret;
}
