#include "app/spool_ask.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/control.h"
#include "app/control_client.h"
#include "app/control_task.h"
#include "app/kept.h"
#include "app/quiet.h"
#include "app/spool_drain.h"
#include "app/status.h"
#include "base/caps.h"
#include "base/mem.h"
#include "io/local_socket.h"
#include "io/loop.h"

struct asking {
    struct config *config;
    struct control_request *request;
    struct control_hearing answer;
};

static int end(struct asking *a, int status, const char *words)
{
    control_hearing_end(&a->answer, status, words);
    return status;
}

/* ---- a server ---- */

/* A refusal may come, and the server hang up, before the request is written: it is read all the
 * same. */
static void ask_server(struct asking *a, int fd)
{
    struct buf request;
    buf_init(&request, CAP_CONTROL_REQUEST);
    if (control_request_write(&request, a->request)) {
        (void)!control_send(fd, buf_view(&request));
        control_hear(&a->answer, fd);
    } else {
        end(a, EXIT_USAGE, "the account's name is too long");
    }
    buf_free(&request);
    close(fd);
}

/* ---- the files ---- */

static void nothing_more(void *ctx)
{
    (void)ctx;
}

static void work_on(struct asking *a, struct spool *spool)
{
    static const struct control_host nobody_sends = {.is_served = false};
    struct control_task *task =
        control_task_new(spool, a->request, &nobody_sends, nothing_more, NULL);
    enum control_step step;
    struct buf out;
    buf_init(&out, CONTROL_STEP_ROOM);
    /* Every call to a spool that was not started has come back when it returns. */
    do
        step = control_task_step(task, &out);
    while (!control_hearing_lines(&a->answer, &out) && step == CONTROL_GOES_ON);
    buf_free(&out);
    control_task_leave(&task);
}

static int status_of(const struct err *err)
{
    return err->kind == ERR_PERMISSION ? EXIT_NO_RIGHT : EXIT_SYSTEM;
}

/* Returns false if another process has it. */
static bool drain_files(struct asking *a)
{
    struct buf out;
    struct err err = {0};
    buf_init(&out, 2 * CONTROL_STEP_ROOM);
    int status = spool_drain_files(a->config, a->request, &out, &err);
    if (status == 0)
        control_hearing_lines(&a->answer, &out);
    else if (err.kind != ERR_IN_USE)
        end(a, status_of(&err), err.words);
    buf_free(&out);
    return status == 0 || err.kind != ERR_IN_USE;
}

/* Returns false if another process has it. */
static bool ask_files(struct asking *a)
{
    struct spool_options options;
    struct err err = {0};
    struct io io = {.loop = loop_new(&err)};
    bool is_ours = true;
    if (!io.loop) {
        end(a, EXIT_SYSTEM, err.words);
        return true;
    }
    io.log = log_new(LOG_ERROR, false, quiet_sink());
    kept_options(a->config, &options);
    struct spool *spool = spool_new(&io, &options, &err);
    if (spool)
        work_on(a, spool);
    else if (err.kind == ERR_IN_USE)
        is_ours = false;
    else
        end(a, status_of(&err), err.words);
    spool_free(&spool);
    loop_free(&io.loop);
    log_free(&io.log);
    return is_ours;
}

int spool_ask(struct config *config, struct control_request *request, control_told *told, void *ctx,
              char **words_r)
{
    struct asking a = {.config = config, .request = request, .answer = {.told = told, .ctx = ctx}};
    char *path = control_path(config->spool.directory);
    struct err err = {0};
    usec patience = CONTROL_PATIENCE + (usec)request->seconds * USEC_PER_SEC;
    end(&a, EXIT_TRY_LATER, "another process has the spool, and does not answer; try again");
    for (int i = 0; i < CONTROL_TRIES; i++) {
        int fd = local_connect(path, patience, &err);
        if (fd >= 0) {
            ask_server(&a, fd);
            break;
        }
        if (err.kind != ERR_NOT_FOUND && err.kind != ERR_REFUSED) {
            end(&a, status_of(&err), err.words);
            break;
        }
        if (request->verb == CONTROL_DRAIN ? drain_files(&a) : ask_files(&a))
            break;
        control_pause();
    }
    free(path);
    control_request_free(request);
    *words_r = a.answer.words;
    return a.answer.status;
}
