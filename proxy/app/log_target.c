#include "app/log_target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/log_syslog.h"
#include "base/mem.h"

struct log_target {
    /* -1: syslog */
    int fd;
    bool is_file;
};

static int open_target(const struct log_config *config, struct err *err)
{
    if (strcmp(config->target, "stderr") == 0)
        return STDERR_FILENO;
    if (strcmp(config->target, "syslog") == 0) {
        /* the one thing about the log that the log cannot say */
        if (!log_syslog_open())
            fputs("smtp-detour: [log] target syslog: nothing listens at /dev/log; what is logged "
                  "is lost until something does\n",
                  stderr);
        return -1;
    }
    int fd = open(config->target, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd < 0) {
        char doing[200];
        snprintf(doing, sizeof doing, "[log] target %s cannot be opened", config->target);
        err_set_errno(err, errno, doing);
        return -2;
    }
    return fd;
}

struct log_target *log_target_new(const struct log_config *config, struct err *err)
{
    int fd = open_target(config, err);
    if (fd == -2)
        return NULL;
    struct log_target *target = NEW(struct log_target);
    target->fd = fd;
    target->is_file = fd >= 0 && fd != STDERR_FILENO;
    return target;
}

void log_target_free(struct log_target **target)
{
    if (!*target)
        return;
    if ((*target)->is_file)
        close((*target)->fd);
    free(*target);
    *target = NULL;
}

int log_target_reopen(struct log_target *target, const struct log_config *config, struct err *err)
{
    int fd = open_target(config, err);
    if (fd == -2)
        return -1;
    if (target->is_file)
        close(target->fd);
    target->fd = fd;
    target->is_file = fd >= 0 && fd != STDERR_FILENO;
    return 0;
}

void log_target_give_to(const struct log_target *target, uid_t uid, gid_t gid)
{
    /* a file that stays root's is still open for appending; reopening it will say so */
    if (target->is_file && fchown(target->fd, uid, gid) != 0)
        return;
}

static void write_line(void *ctx, enum log_level level, const char *line, size_t len)
{
    const struct log_target *target = ctx;
    if (target->fd < 0) {
        log_syslog_write((int)level, line, len ? len - 1 : 0);
        return;
    }
    /* a log that cannot be written must not stop the mail */
    ssize_t ignored = write(target->fd, line, len);
    (void)ignored;
}

static int64_t wall_ms(void *ctx)
{
    (void)ctx;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct log_sink log_target_sink(struct log_target *target)
{
    return (struct log_sink){write_line, wall_ms, target};
}
