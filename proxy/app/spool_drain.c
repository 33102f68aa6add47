#include "app/spool_drain.h"

#include <signal.h>
#include <stdlib.h>

#include "app/control_task.h"
#include "app/kept.h"
#include "app/log_target.h"
#include "app/status.h"
#include "app/world.h"
#include "io/loop.h"
#include "io/signals.h"
#include "upstream/account.h"
#include "upstream/settings.h"

struct emptying {
    struct config *config;
    struct io io;
    struct log_target *target;
    struct accounts *accounts;
    struct spool *spool;
    struct control_host host;
    struct control_task *task;
    struct timer *patience;
    struct signal_watch *on_term, *on_int;
    struct buf *out;
    bool is_over;
};

static void still(void *ctx)
{
    struct emptying *e = ctx;
    loop_stop(e->io.loop);
}

/* Sessions past their end of data get their answer, as at the end of a server. */
static void finish(struct emptying *e)
{
    if (e->is_over)
        return;
    e->is_over = true;
    spool_drain(e->spool, still, e);
    timer_arm(e->patience, e->config->server.drain_timeout);
}

static void step(void *ctx)
{
    struct emptying *e = ctx;
    enum control_step step = CONTROL_GOES_ON;
    while (!e->is_over && step == CONTROL_GOES_ON)
        step = control_task_step(e->task, e->out);
    if (step == CONTROL_ENDED)
        finish(e);
}

static void stop(void *ctx)
{
    struct emptying *e = ctx;
    if (e->is_over) {
        loop_stop(e->io.loop);
        return;
    }
    if (!control_end_write(e->out, EXIT_TRY_LATER,
                           "ended by a signal; what is left waits (`smtp-detour spool list`)"))
        abort();
    finish(e);
}

static int open_all(struct emptying *e, struct err *err)
{
    struct spool_options options;
    struct addr *own;
    const struct log_config *log = &e->config->log;
    e->target = log_target_new(log, NULL, err);
    if (!e->target || world_open(&e->io, (enum log_level)log->level, log->json,
                                 log_target_sink(e->target), err) != 0)
        return -1;
    kept_options(e->config, &options);
    e->spool = spool_new(&e->io, &options, err);
    if (!e->spool)
        return -1;
    e->accounts = accounts_new(&e->io, e->config, err);
    if (!e->accounts)
        return -1;
    world_gather(&e->io, e->config);
    size_t nown = settings_listeners(e->config, &own);
    accounts_set_own_listeners(e->accounts, own, nown);
    free(own);
    spool_reload(e->spool, &options, e->config, e->accounts, NULL);
    return spool_start(e->spool, err);
}

static void run(struct emptying *e, struct control_request *request)
{
    e->host = (struct control_host){.loop = e->io.loop, .is_served = true};
    e->patience = timer_new(e->io.loop, still, e);
    e->on_term = signal_watch_new(e->io.loop, SIGTERM, stop, e);
    e->on_int = signal_watch_new(e->io.loop, SIGINT, stop, e);
    e->task = control_task_new(e->spool, request, &e->host, step, e);
    step(e);
    loop_run(e->io.loop);
    control_task_leave(&e->task);
    timer_free(&e->patience);
}

static void close_all(struct emptying *e)
{
    spool_free(&e->spool);
    accounts_free(&e->accounts);
    if (e->io.loop) {
        signal_watch_free(&e->on_term);
        signal_watch_free(&e->on_int);
        world_close(&e->io);
    }
    log_target_free(&e->target);
}

int spool_drain_files(struct config *config, struct control_request *request, struct buf *out,
                      struct err *err)
{
    struct emptying e = {.config = config, .out = out};
    signals_hold();
    int status = open_all(&e, err);
    if (status == 0)
        run(&e, request);
    close_all(&e);
    return status;
}
