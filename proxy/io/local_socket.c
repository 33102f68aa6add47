#include "io/local_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/transport_fd.h"

/* A few administrators; what is beyond waits in connect. */
enum { LOCAL_BACKLOG = 16 };

/* An address has room for 107 octets, and a spool's path may be longer: the kernel is then given
 * the directory as one that is open. *dir_r: to be closed after the call, or -1. */
static int address_of(const char *path, struct sockaddr_un *out, int *dir_r, struct err *err)
{
    const char *slash = strrchr(path, '/');
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    *dir_r = -1;
    if (strlen(path) < sizeof out->sun_path) {
        memcpy(out->sun_path, path, strlen(path));
        return 0;
    }
    char *dir = slash ? mem_copy(path, (size_t)(slash - path)) : mem_string(".");
    *dir_r = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    free(dir);
    if (*dir_r < 0) {
        err_set_errno(err, errno, path);
        return -1;
    }
    if (snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/%s", *dir_r,
                 slash ? slash + 1 : path) >= (int)sizeof out->sun_path) {
        err_set(err, ERR_INVALID, "%.200s: the name is too long for a socket", path);
        close(*dir_r);
        return -1;
    }
    return 0;
}

static int failed(int fd, int dir, const char *path, struct err *err)
{
    err_set_errno(err, errno, path);
    if (fd >= 0)
        close(fd);
    if (dir >= 0)
        close(dir);
    return -1;
}

static int local_bind(const char *path, struct err *err)
{
    struct sockaddr_un at;
    int dir;
    if (address_of(path, &at, &dir, err) != 0)
        return -1;
    if (unlink(path) != 0 && errno != ENOENT)
        return failed(-1, dir, path, err);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* Linux gives the name the mode of the socket. */
    if (fd < 0 || fchmod(fd, 0600) != 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(fd, LOCAL_BACKLOG) != 0)
        return failed(fd, dir, path, err);
    if (dir >= 0)
        close(dir);
    return fd;
}

struct listener *local_listen(struct loop *loop, const char *path, accept_fn *fn, void *ctx,
                              struct err *err)
{
    int fd = local_bind(path, err);
    return fd < 0 ? NULL : listener_take(loop, fd, fn, ctx);
}

bool local_peer(const struct transport *t, uid_t *uid_r)
{
    struct ucred who;
    socklen_t len = sizeof who;
    if (getsockopt(fd_transport(t)->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
        return false;
    *uid_r = who.uid;
    return true;
}

struct transport *local_transport(struct loop *loop, const char *path, struct err *err)
{
    const struct addr nowhere = {.family = ADDR_NONE};
    struct sockaddr_un at;
    int dir;
    if (address_of(path, &at, &dir, err) != 0)
        return NULL;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        failed(fd, dir, path, err);
        return NULL;
    }
    if (dir >= 0)
        close(dir);
    return transport_accepted(loop, fd, &nowhere);
}

int local_connect(const char *path, usec patience, struct err *err)
{
    struct timeval most = {.tv_sec = patience / USEC_PER_SEC, .tv_usec = patience % USEC_PER_SEC};
    struct sockaddr_un at;
    int dir;
    if (address_of(path, &at, &dir, err) != 0)
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most) != 0 ||
        connect(fd, (struct sockaddr *)&at, sizeof at) != 0)
        return failed(fd, dir, path, err);
    if (dir >= 0)
        close(dir);
    return fd;
}
