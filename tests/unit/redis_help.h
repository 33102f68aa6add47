/* A private redis-server for tests: below a folder of its own, on a socket there, without a
 * disk. */
#ifndef UNIT_REDIS_HELP_H
#define UNIT_REDIS_HELP_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct redis_server {
    pid_t pid;
    char dir[64];
    char path[80];
};

static inline bool redis_is_installed(void)
{
    return access("/usr/bin/redis-server", X_OK) == 0;
}

/* -1: nobody listens there (yet). */
static inline int redis_connect(const struct redis_server *r)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", r->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Starts it in a folder that is there already. `more` are words of its command line, up to NULL. */
static inline bool redis_run(struct redis_server *r, const char *const *more)
{
    const char *argv[32] = {
        "redis-server", "--port", "0",         "--unixsocket", r->path, "--save", "",
        "--appendonly", "no",     "--logfile", "server.log",   "--dir", r->dir};
    size_t n = 13;
    for (; more && *more && n < 31; more++)
        argv[n++] = *more;
    r->pid = fork();
    if (r->pid == 0) {
        /* A test that dies takes it along, and nobody waits for what it would print. */
        int null = open("/dev/null", O_RDWR);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(null, 1);
        dup2(null, 2);
        execv("/usr/bin/redis-server", (char *const *)argv);
        _exit(127);
    }
    for (int i = 0; r->pid > 0 && i < 1000; i++) {
        int fd = redis_connect(r);
        if (fd >= 0) {
            close(fd);
            return true;
        }
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return false;
}

static inline bool redis_start(struct redis_server *r, const char *const *more)
{
    snprintf(r->dir, sizeof r->dir, "/tmp/detour-redis-XXXXXX");
    if (!mkdtemp(r->dir))
        return false;
    snprintf(r->path, sizeof r->path, "%s/socket", r->dir);
    return redis_run(r, more);
}

/* It dies at once; the folder stays. */
static inline void redis_kill(struct redis_server *r)
{
    if (r->pid <= 0)
        return;
    kill(r->pid, SIGCONT);
    kill(r->pid, SIGKILL);
    waitpid(r->pid, NULL, 0);
    r->pid = 0;
}

static inline void redis_stop(struct redis_server *r)
{
    char file[120];
    redis_kill(r);
    unlink(r->path);
    snprintf(file, sizeof file, "%s/server.log", r->dir);
    unlink(file);
    rmdir(r->dir);
}

#endif
