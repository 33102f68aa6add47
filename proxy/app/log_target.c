#include "app/log_target.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/log_outlet.h"
#include "io/log_writer.h"

/* How long the end waits for lines that are not written yet. */
#define LAST_WORDS (500 * USEC_PER_MS)

enum { FILE_MODE = 0640 };

struct log_target {
    struct log_writer *writer;
};

/* Says on stderr the one thing that the log itself cannot say. It must not block on a stderr that
 * is not read. */
static void warn_about_syslog(void)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&p, 1, 0) == 1)
        fputs("smtp-detour: [log] target syslog: nothing listens at /dev/log; what is logged waits "
              "there, and is lost when it becomes too "
              "much\n",
              stderr);
}

static int open_target(const struct log_config *config, const struct file_owner *owner,
                       struct log_outlet *outlet_r, struct err *err)
{
    struct err why = {0};
    if (strcmp(config->target, "stderr") == 0) {
        *outlet_r = log_outlet_of(STDERR_FILENO, false);
        return 0;
    }
    if (strcmp(config->target, "syslog") == 0) {
        *outlet_r = log_outlet_syslog();
        if (!log_outlet_connect(outlet_r))
            warn_about_syslog();
        return 0;
    }
    int fd = file_open(config->target, FILE_APPEND, FILE_MODE, owner, &why);
    if (fd < 0) {
        err_set(err, why.kind, "[log] target %.100s cannot be opened: %.180s", config->target,
                why.words);
        return -1;
    }
    *outlet_r = log_outlet_of(fd, true);
    return 0;
}

struct log_target *log_target_new(const struct log_config *config, const struct file_owner *owner,
                                  struct err *err)
{
    struct log_outlet outlet;
    if (open_target(config, owner, &outlet, err) != 0)
        return NULL;
    struct log_target *target = NEW(struct log_target);
    target->writer = log_writer_new(outlet);
    return target;
}

void log_target_free(struct log_target **target)
{
    if (!*target)
        return;
    log_writer_free(&(*target)->writer, LAST_WORDS);
    free(*target);
    *target = NULL;
}

void log_target_start(struct log_target *target)
{
    log_writer_start(target->writer);
}

int log_target_reopen(struct log_target *target, const struct log_config *config, struct err *err)
{
    struct log_outlet outlet;
    if (open_target(config, NULL, &outlet, err) != 0)
        return -1;
    log_writer_switch(target->writer, outlet);
    return 0;
}

struct log_sink log_target_sink(struct log_target *target)
{
    return (struct log_sink){log_writer_line, log_writer_wall_ms, target->writer};
}
