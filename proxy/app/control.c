#include "app/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/control_task.h"
#include "app/status.h"
#include "base/caps.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/local_socket.h"
#include "io/stream.h"

/* For the request, and again for each part of the answer that the peer takes. */
#define PATIENCE (30 * USEC_PER_SEC)
/* For the last words to leave. */
#define GOODBYE (2 * USEC_PER_SEC)

struct control {
    const struct io *io;
    struct spool *spool;
    struct control_host host;
    char *path;
    struct listener *listener;
    struct link visits;
    size_t nvisits;
};

struct control_visit {
    struct link link;
    struct control *control;
    struct stream *stream;
    struct timer *deadline;
    struct deferred later;
    /* It is NULL until the request is there. */
    struct control_task *task;
    /* Who hangs up no longer wants it. */
    bool ends_with_peer;
    /* The peer says more than its request. */
    bool is_fed;
};

static void visit_free(struct control_visit *v)
{
    link_remove(&v->link);
    v->control->nvisits--;
    deferred_cancel(&v->later);
    timer_free(&v->deadline);
    control_task_leave(&v->task);
    if (v->stream)
        stream_close(&v->stream);
    loop_free_later(v->control->io->loop, v, free);
}

/* The peer hears why, and the visit ends. */
static void visit_end(struct control_visit *v, struct buf *words)
{
    if (stream_write_buf(v->stream, words))
        stream_finish(&v->stream, GOODBYE);
    buf_free(words);
    visit_free(v);
}

static void refuse(struct control_visit *v, enum exit_status status, const char *why)
{
    struct buf words;
    buf_init(&words, CAP_CONTROL_OUTPUT);
    if (control_end_write(&words, (unsigned)status, why))
        visit_end(v, &words);
    else
        visit_free(v);
}

/* One step a turn: others are served between them. */
static void on_turn(void *arg)
{
    struct control_visit *v = arg;
    struct buf out;
    /* STREAM_LOW goes on. */
    if (stream_room(v->stream) < CONTROL_STEP_ROOM)
        return;
    buf_init(&out, CONTROL_STEP_ROOM);
    enum control_step step = control_task_step(v->task, &out);
    if (step == CONTROL_ENDED) {
        visit_end(v, &out);
        return;
    }
    timer_arm(v->deadline, PATIENCE);
    if (!stream_write_buf(v->stream, &out)) {
        buf_free(&out);
        visit_free(v);
        return;
    }
    if (step == CONTROL_GOES_ON)
        loop_defer(v->control->io->loop, &v->later);
    else if (!control_task_is_hungry(v->task))
        /* The disk or a drain may take its time, and it is not the peer's fault. */
        timer_stop(v->deadline);
}

/* What the peer says behind its request. */
static void feed(struct control_visit *v)
{
    stream_consume(v->stream, control_task_feed(v->task, stream_view(v->stream)));
    loop_defer(v->control->io->loop, &v->later);
}

static void on_more(void *ctx)
{
    struct control_visit *v = ctx;
    loop_defer(v->control->io->loop, &v->later);
    /* The octets that have come already may be taken now. */
    if (v->task && v->is_fed)
        stream_again(v->stream);
}

static void read_request(struct control_visit *v)
{
    struct slice in = stream_view(v->stream);
    size_t n = slice_find(in, '\n');
    struct control_request request = {0};
    if (n == in.len) {
        if (n >= CAP_CONTROL_REQUEST)
            refuse(v, EXIT_USAGE, "the request is too long");
        return;
    }
    if (!control_request_read(slice_head(in, n), &request)) {
        refuse(v, EXIT_USAGE, "the server does not know this request: is it of another version?");
        return;
    }
    stream_consume(v->stream, n + 1);
    /* A spool that is taken in has many messages, and each message has its own line in the log. */
    if (request.verb != CONTROL_LIST && request.verb != CONTROL_TAKE)
        log_event(v->control->io->log, LOG_INFO, "an administrator's command",
                  log_str("command", control_verb_name(request.verb)), log_str("id", request.id),
                  log_str("account", request.account ? request.account : ""));
    v->is_fed = request.verb == CONTROL_TAKE;
    v->ends_with_peer = v->is_fed || request.verb == CONTROL_DRAIN;
    if (v->is_fed)
        stream_set_input_cap(v->stream, 2 * CAP_DISK_CHUNK);
    v->task = control_task_new(v->control->spool, &request, &v->control->host, on_more, v);
    if (v->is_fed)
        stream_again(v->stream);
    loop_defer(v->control->io->loop, &v->later);
}

static void on_event(void *ctx, struct stream *s, enum stream_event event)
{
    struct control_visit *v = ctx;
    (void)s;
    switch (event) {
    case STREAM_INPUT:
        if (!v->task)
            read_request(v);
        else if (v->is_fed)
            feed(v);
        break;
    case STREAM_LOW:
        if (v->task)
            loop_defer(v->control->io->loop, &v->later);
        break;
    case STREAM_EOF:
        if (!v->task || v->ends_with_peer)
            visit_free(v);
        break;
    case STREAM_FAILED: visit_free(v); break;
    case STREAM_CONNECTED:
    case STREAM_SECURED: break;
    }
}

static void on_deadline(void *arg)
{
    visit_free(arg);
}

static void on_accept(void *ctx, struct transport *t)
{
    struct control *c = ctx;
    struct control_visit *v = NEW(struct control_visit);
    uid_t uid = 0;
    bool is_known = local_peer(t, &uid);
    v->control = c;
    list_push_back(&c->visits, &v->link);
    c->nvisits++;
    deferred_init(&v->later, on_turn, v);
    v->deadline = timer_new(c->io->loop, on_deadline, v);
    timer_arm(v->deadline, PATIENCE);
    v->stream = stream_accepted(
        t, (struct stream_caps){.input = CAP_CONTROL_REQUEST, .output = CAP_CONTROL_OUTPUT},
        on_event, v);
    if (!is_known || (uid != 0 && uid != geteuid()))
        refuse(v, EXIT_NO_RIGHT, "only root and the server's user may see the spool");
    else if (c->nvisits > CAP_CONTROL_VISITS)
        refuse(v, EXIT_TRY_LATER, "too many commands speak with the server just now");
}

char *control_path(const char *directory)
{
    size_t size = strlen(directory) + sizeof "/control";
    char *path = mem_alloc(size);
    snprintf(path, size, "%s/control", directory);
    return path;
}

struct control *control_new(const struct io *io, struct spool *spool,
                            const struct control_host *host, const char *directory, struct err *err)
{
    struct control *c = NEW(struct control);
    c->io = io;
    c->spool = spool;
    c->host = *host;
    c->path = control_path(directory);
    link_init(&c->visits);
    c->listener = local_listen(io->loop, c->path, on_accept, c, err);
    if (!c->listener) {
        free(c->path);
        free(c);
        return NULL;
    }
    return c;
}

void control_free(struct control **control)
{
    struct control *c = *control;
    *control = NULL;
    if (!c)
        return;
    listener_close(&c->listener);
    while (!link_is_alone(&c->visits))
        visit_free(CONTAINER(c->visits.next, struct control_visit, link));
    unlink(c->path);
    free(c->path);
    loop_free_later(c->io->loop, c, free);
}
