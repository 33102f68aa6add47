/* The thread that performs the disk's calls, one after another. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "io/disk_internal.h"
#include "io/loop_ev.h"
#include "io/thread.h"

/* How long disk_carrier_free waits for the call that runs. */
enum { MOMENT_MS = 2000 };

struct disk_carrier {
    struct disk *disk;
    struct loop *loop;
    ev_async finished;
    pthread_t thread;
    /* Guards the fields below. */
    pthread_mutex_t lock;
    pthread_cond_t work, ended;
    struct disk_queue queue;
    struct link done;
    bool closing, has_ended;
};

static void *perform_all(void *arg)
{
    struct disk_carrier *c = arg;
    pthread_mutex_lock(&c->lock);
    while (!c->closing) {
        struct disk_call *call = disk_queue_pick(&c->queue);
        if (!call) {
            pthread_cond_wait(&c->work, &c->lock);
            continue;
        }
        pthread_mutex_unlock(&c->lock);
        disk_perform(call);
        pthread_mutex_lock(&c->lock);
        list_push_back(&c->done, &call->link);
        if (!c->closing)
            ev_async_send(loop_ev(c->loop), &c->finished);
    }
    c->has_ended = true;
    pthread_cond_signal(&c->ended);
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

static struct disk_call *next_done(struct disk_carrier *c)
{
    struct disk_call *call = NULL;
    pthread_mutex_lock(&c->lock);
    if (!link_is_alone(&c->done)) {
        call = CONTAINER(c->done.next, struct disk_call, link);
        link_remove(&call->link);
    }
    pthread_mutex_unlock(&c->lock);
    return call;
}

static void on_finished(struct ev_loop *ev, ev_async *watcher, int events)
{
    struct disk_carrier *c = CONTAINER(watcher, struct disk_carrier, finished);
    (void)ev;
    (void)events;
    for (struct disk_call *call; (call = next_done(c)) != NULL;) {
        disk_finish(c->disk, call);
        /* The rest of a burst comes in the next turns. */
        if (loop_is_late(c->loop)) {
            ev_async_send(loop_ev(c->loop), &c->finished);
            return;
        }
    }
}

static void destroy(struct disk_carrier *c)
{
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->work);
    pthread_cond_destroy(&c->ended);
    free(c);
}

struct disk_carrier *disk_carrier_new(struct disk *disk, struct loop *loop, struct err *err)
{
    struct disk_carrier *c = NEW(struct disk_carrier);
    pthread_condattr_t attr;
    c->disk = disk;
    c->loop = loop;
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->work, NULL);
    pthread_cond_init(&c->ended, &attr);
    pthread_condattr_destroy(&attr);
    disk_queue_init(&c->queue);
    link_init(&c->done);
    int number = thread_start(&c->thread, perform_all, c);
    if (number) {
        err_set_errno(err, number, "begin the disk's thread");
        destroy(c);
        return NULL;
    }
    ev_async_init(&c->finished, on_finished);
    ev_async_start(loop_ev(loop), &c->finished);
    return c;
}

void disk_carrier_push(struct disk_carrier *c, struct disk_call *call)
{
    pthread_mutex_lock(&c->lock);
    disk_queue_push(&c->queue, call);
    pthread_cond_signal(&c->work);
    pthread_mutex_unlock(&c->lock);
}

/* Closes what a finished call opened and nobody will take. */
static void forget(struct disk_call *call)
{
    if (call->answer.file) {
        call->what = DISK_CLOSE;
        call->file = call->answer.file;
        disk_perform(call);
    }
    disk_call_free(call);
}

void disk_carrier_free(struct disk_carrier **carrier)
{
    struct disk_carrier *c = *carrier;
    struct timespec until;
    *carrier = NULL;
    if (!c)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += MOMENT_MS / 1000;

    pthread_mutex_lock(&c->lock);
    c->closing = true;
    pthread_cond_signal(&c->work);
    int waited = 0;
    while (!c->has_ended && waited == 0)
        waited = pthread_cond_timedwait(&c->ended, &c->lock, &until);
    bool abandoned = !c->has_ended;
    pthread_mutex_unlock(&c->lock);

    ev_async_stop(loop_ev(c->loop), &c->finished);
    /* The thread still uses it, so it lives until the process ends. */
    if (abandoned) {
        pthread_detach(c->thread);
        return;
    }
    pthread_join(c->thread, NULL);
    for (struct disk_call *call; (call = next_done(c)) != NULL;)
        forget(call);
    disk_queue_drop(&c->queue);
    destroy(c);
}
