#include "app/spool_ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "app/control.h"
#include "app/control_task.h"
#include "app/kept.h"
#include "app/quiet.h"
#include "app/spool_drain.h"
#include "app/status.h"
#include "base/caps.h"
#include "base/mem.h"
#include "io/local_socket.h"
#include "io/loop.h"

/* A disk may take long to sync. */
#define PATIENCE (60 * USEC_PER_SEC)
/* A server that starts or ends has the lock, and does not answer. */
enum { TRIES = 50, PAUSE_MS = 100 };

struct asking {
    struct config *config;
    struct control_request *request;
    spool_told *told;
    void *ctx;
    int status;
    char *words;
};

static int end(struct asking *a, int status, const char *words)
{
    free(a->words);
    a->words = mem_string(words);
    a->status = status;
    return status;
}

/* Takes the complete lines out of `in`. Returns true at the last one. */
static bool read_lines(struct asking *a, struct buf *in)
{
    for (;;) {
        struct slice view = buf_view(in);
        size_t n = slice_find(view, '\n');
        struct control_answer answer;
        if (n == view.len)
            return false;
        bool is_good = control_answer_read(slice_head(view, n), &answer);
        buf_consume(in, n + 1);
        if (!is_good) {
            end(a, EXIT_SYSTEM, "the server's answer is not understood: is it of another version?");
            return true;
        }
        bool is_end = answer.is_end;
        if (is_end)
            end(a, (int)answer.status, answer.words);
        else
            a->told(a->ctx, &answer.entry);
        control_answer_free(&answer);
        if (is_end)
            return true;
    }
}

/* ---- a server ---- */

static bool send_all(int fd, struct slice octets)
{
    while (octets.len) {
        ssize_t n = send(fd, octets.data, octets.len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        octets = slice_from(octets, (size_t)n);
    }
    return true;
}

static void hear(struct asking *a, int fd)
{
    struct buf in;
    size_t room;
    buf_init(&in, 2 * CONTROL_STEP_ROOM);
    do {
        char *space = buf_space(&in, CONTROL_STEP_ROOM, &room);
        ssize_t n = room ? read(fd, space, room) : 0;
        if (n <= 0) {
            end(a, EXIT_TRY_LATER,
                n < 0 && errno == EAGAIN
                    ? "the server does not answer; what was asked for may still be done"
                    : "the server ended before its answer did; what was asked for may be done");
            break;
        }
        buf_commit(&in, (size_t)n);
    } while (!read_lines(a, &in));
    buf_free(&in);
}

/* A refusal may come, and the server hang up, before the request is written: it is read all the
 * same. */
static void ask_server(struct asking *a, int fd)
{
    struct buf request;
    buf_init(&request, CAP_CONTROL_REQUEST);
    if (control_request_write(&request, a->request)) {
        (void)!send_all(fd, buf_view(&request));
        hear(a, fd);
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
    while (!read_lines(a, &out) && step == CONTROL_GOES_ON);
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
        read_lines(a, &out);
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

int spool_ask(struct config *config, struct control_request *request, spool_told *told, void *ctx,
              char **words_r)
{
    struct asking a = {.config = config, .request = request, .told = told, .ctx = ctx};
    char *path = control_path(config->spool.directory);
    struct err err = {0};
    usec patience = PATIENCE + (usec)request->seconds * USEC_PER_SEC;
    end(&a, EXIT_TRY_LATER, "another process has the spool, and does not answer; try again");
    for (int i = 0; i < TRIES; i++) {
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
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
    }
    free(path);
    control_request_free(request);
    *words_r = a.words;
    return a.status;
}
