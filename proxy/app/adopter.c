#include "app/adopter.h"

#include <stdlib.h>
#include <unistd.h>

#include "app/control.h"
#include "app/control_task.h"
#include "app/kept.h"
#include "app/quiet.h"
#include "app/status.h"
#include "base/caps.h"
#include "base/mem.h"
#include "io/local_socket.h"
#include "io/loop.h"

struct adopter {
    char *path;
    /* It is NULL if a server has the spool. Each message has its own connection then. */
    struct spool *spool;
    struct io io;
    /* These belong to the message that is being handed over. */
    int fd;
    struct control_task *task;
    struct control_hearing answer;
    /* It heard no more: there is an answer, and no end may follow. */
    bool refuses;
};

/* ---- whoever it is ---- */

/* Returns false if another process has the files. */
static bool take_files(struct adopter *a, const struct config *config, struct err *err)
{
    struct spool_options options;
    a->io.loop = loop_new(err);
    if (!a->io.loop)
        return true;
    a->io.log = log_new(LOG_ERROR, false, quiet_sink());
    kept_options(config, &options);
    a->spool = spool_new(&a->io, &options, err);
    if (a->spool)
        return true;
    log_free(&a->io.log);
    loop_free(&a->io.loop);
    return err->kind != ERR_IN_USE;
}

/* A server that starts or ends has the lock, and does not answer. */
static bool find(struct adopter *a, const struct config *config, struct err *err)
{
    for (int i = 0; i < CONTROL_TRIES; i++) {
        int fd = local_connect(a->path, CONTROL_PATIENCE, err);
        if (fd >= 0) {
            close(fd);
            return true;
        }
        if ((err->kind != ERR_NOT_FOUND && err->kind != ERR_REFUSED) || take_files(a, config, err))
            return a->spool != NULL;
        control_pause();
    }
    return false;
}

struct adopter *adopter_open(const struct config *config, struct err *err)
{
    struct adopter *a = NEW(struct adopter);
    a->path = control_path(config->spool.directory);
    a->fd = -1;
    if (!find(a, config, err))
        adopter_close(&a);
    return a;
}

void adopter_close(struct adopter **adopter)
{
    struct adopter *a = *adopter;
    *adopter = NULL;
    if (!a)
        return;
    control_task_leave(&a->task);
    if (a->fd >= 0)
        close(a->fd);
    spool_free(&a->spool);
    if (a->io.loop)
        loop_free(&a->io.loop);
    if (a->io.log)
        log_free(&a->io.log);
    free(a->answer.words);
    free(a->path);
    free(a);
}

/* ---- one message ---- */

static void nothing_more(void *ctx)
{
    (void)ctx;
}

static void connect_to(struct adopter *a, const struct control_request *request)
{
    struct buf line;
    struct err err;
    a->fd = local_connect(a->path, CONTROL_PATIENCE, &err);
    if (a->fd < 0)
        return;
    buf_init(&line, CAP_CONTROL_REQUEST);
    if (!control_request_write(&line, request))
        abort();
    (void)!control_send(a->fd, buf_view(&line));
    buf_free(&line);
}

void adopter_begin(struct adopter *a, const struct control_offer *offer)
{
    static const struct control_host nobody_sends = {.is_served = false};
    struct control_request request = {.verb = CONTROL_TAKE, .offer = *offer};
    a->refuses = false;
    if (a->spool)
        a->task = control_task_new(a->spool, &request, &nobody_sends, nothing_more, NULL);
    else
        connect_to(a, &request);
}

bool adopter_give(struct adopter *a, struct slice octets)
{
    if (a->refuses)
        return false;
    /* Every call to a spool that was not started has come back when it returns. */
    a->refuses = a->task ? control_task_feed(a->task, octets) < octets.len
                         : a->fd < 0 || !control_send(a->fd, octets);
    return !a->refuses;
}

static void read_answer(struct adopter *a)
{
    struct buf out;
    buf_init(&out, CONTROL_STEP_ROOM);
    if (control_task_step(a->task, &out) != CONTROL_ENDED ||
        !control_hearing_lines(&a->answer, &out))
        control_hearing_end(&a->answer, EXIT_SYSTEM, "it has no end");
    buf_free(&out);
}

const struct control_hearing *adopter_end(struct adopter *a, bool is_whole)
{
    if (is_whole)
        (void)!adopter_give(a, slice_of(CONTROL_COMMIT));
    if (!is_whole)
        control_hearing_end(&a->answer, EXIT_SYSTEM, "it can't be read to its end");
    else if (a->task)
        read_answer(a);
    else if (a->fd >= 0)
        control_hear(&a->answer, a->fd);
    else
        control_hearing_end(&a->answer, EXIT_TRY_LATER, "the server that has the spool has ended");
    control_task_leave(&a->task);
    if (a->fd >= 0)
        close(a->fd);
    a->fd = -1;
    return &a->answer;
}
