#include "io/offload.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/caps.h"
#include "base/mem.h"
#include "io/loop_ev.h"
#include "io/offload_internal.h"
#include "io/thread.h"

/* How long offload_free waits for running jobs. */
enum { MOMENT_MS = 300 };

struct offload_job {
    struct link link;
    void (*run)(void *arg);
    void (*done)(void *arg);
    void *arg;
    bool in_order;
};

struct offload {
    struct loop *loop;
    ev_async finished;
    /* Guards the fields below. */
    pthread_mutex_t lock;
    /* The condition `work` means that there is a job for a helper. The condition `idle` means that
     * a helper has ended. */
    pthread_cond_t work, idle;
    struct link waiting, done;
    size_t nwaiting, nthreads, nresting;
    /* Jobs that run on threads of their own, and the number of such threads. */
    struct link waiting_apart;
    size_t napart;
    /* A job that must run in order is running. */
    bool order_busy;
    bool closing;
};

/* Takes the first job that may run now out of the list and returns it. */
static struct offload_job *next_job(struct offload *off)
{
    LIST_EACH (&off->waiting, it) {
        struct offload_job *job = CONTAINER(it, struct offload_job, link);
        if (job->in_order && off->order_busy)
            continue;
        link_remove(&job->link);
        off->nwaiting--;
        off->order_busy = off->order_busy || job->in_order;
        return job;
    }
    return NULL;
}

/* Is called with the lock held. */
static void run_unlocked(struct offload *off, struct offload_job *job)
{
    pthread_mutex_unlock(&off->lock);
    job->run(job->arg);
    pthread_mutex_lock(&off->lock);
    if (job->in_order) {
        off->order_busy = false;
        pthread_cond_signal(&off->work);
    }
    list_push_back(&off->done, &job->link);
    if (!off->closing)
        ev_async_send(loop_ev(off->loop), &off->finished);
}

static void *helper(void *arg)
{
    struct offload *off = arg;
    pthread_mutex_lock(&off->lock);
    while (!off->closing) {
        struct offload_job *job = next_job(off);
        if (!job) {
            off->nresting++;
            pthread_cond_wait(&off->work, &off->lock);
            off->nresting--;
            continue;
        }
        run_unlocked(off, job);
    }
    off->nthreads--;
    pthread_cond_signal(&off->idle);
    pthread_mutex_unlock(&off->lock);
    return NULL;
}

/* Ends when no such job waits any more. */
static void *helper_apart(void *arg)
{
    struct offload *off = arg;
    pthread_mutex_lock(&off->lock);
    while (!off->closing && !link_is_alone(&off->waiting_apart)) {
        struct offload_job *job = CONTAINER(off->waiting_apart.next, struct offload_job, link);
        link_remove(&job->link);
        run_unlocked(off, job);
    }
    off->napart--;
    pthread_cond_signal(&off->idle);
    pthread_mutex_unlock(&off->lock);
    return NULL;
}

static void on_finished(struct ev_loop *ev, ev_async *watcher, int events)
{
    struct offload *off = CONTAINER(watcher, struct offload, finished);
    (void)ev;
    (void)events;
    for (;;) {
        struct offload_job *job = NULL;
        pthread_mutex_lock(&off->lock);
        if (!link_is_alone(&off->done)) {
            job = CONTAINER(off->done.next, struct offload_job, link);
            link_remove(&job->link);
        }
        pthread_mutex_unlock(&off->lock);
        if (!job)
            return;
        job->done(job->arg);
        free(job);
    }
}

struct offload *offload_new(struct loop *loop, struct err *err)
{
    struct offload *off = NEW(struct offload);
    pthread_condattr_t attr;
    /* Threads are made when they are needed. Nothing can fail before. */
    (void)err;
    off->loop = loop;
    pthread_mutex_init(&off->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&off->work, NULL);
    pthread_cond_init(&off->idle, &attr);
    pthread_condattr_destroy(&attr);
    link_init(&off->waiting);
    link_init(&off->done);
    link_init(&off->waiting_apart);
    ev_async_init(&off->finished, on_finished);
    ev_async_start(loop_ev(loop), &off->finished);
    return off;
}

/* Is called with the lock held. */
static bool add_thread(struct offload *off, void *(*run)(void *arg))
{
    return thread_start(NULL, run, off) == 0;
}

static void submit(struct offload *off, struct offload_job *job)
{
    pthread_mutex_lock(&off->lock);
    list_push_back(&off->waiting, &job->link);
    off->nwaiting++;
    /* If not even the first thread can be made, the job waits for the next try. */
    if (off->nresting < off->nwaiting && off->nthreads < CAP_HELPER_THREADS &&
        add_thread(off, helper))
        off->nthreads++;
    pthread_cond_signal(&off->work);
    pthread_mutex_unlock(&off->lock);
}

static struct offload_job *job_new(void (*run)(void *arg), void (*done)(void *arg), void *arg)
{
    struct offload_job *job = NEW(struct offload_job);
    job->run = run;
    job->done = done;
    job->arg = arg;
    return job;
}

void offload_submit(struct offload *off, void (*run)(void *arg), void (*done)(void *arg), void *arg)
{
    submit(off, job_new(run, done, arg));
}

void offload_submit_in_order(struct offload *off, void (*run)(void *arg), void (*done)(void *arg),
                             void *arg)
{
    struct offload_job *job = job_new(run, done, arg);
    job->in_order = true;
    submit(off, job);
}

void offload_submit_apart(struct offload *off, void (*run)(void *arg), void (*done)(void *arg),
                          void *arg)
{
    struct offload_job *job = job_new(run, done, arg);
    pthread_mutex_lock(&off->lock);
    list_push_back(&off->waiting_apart, &job->link);
    if (off->napart < CAP_CHILDREN && add_thread(off, helper_apart))
        off->napart++;
    bool waits = off->napart > 0;
    if (!waits)
        link_remove(&job->link);
    pthread_mutex_unlock(&off->lock);
    /* The system gives no thread, so an existing helper is used. */
    if (!waits)
        submit(off, job);
}

size_t offload_waiting(const struct offload *off)
{
    /* To the caller, the lock is no part of the value. */
    struct offload *open = (struct offload *)off;
    pthread_mutex_lock(&open->lock);
    size_t n = open->nwaiting;
    pthread_mutex_unlock(&open->lock);
    return n;
}

size_t offload_helpers(const struct offload *off)
{
    struct offload *open = (struct offload *)off;
    pthread_mutex_lock(&open->lock);
    size_t n = open->nthreads;
    pthread_mutex_unlock(&open->lock);
    return n;
}

static void free_jobs(struct link *list)
{
    while (!link_is_alone(list)) {
        struct offload_job *job = CONTAINER(list->next, struct offload_job, link);
        link_remove(&job->link);
        free(job);
    }
}

void offload_free(struct offload **off_p)
{
    struct offload *off = *off_p;
    struct timespec until;
    *off_p = NULL;
    if (!off)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += MOMENT_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;

    pthread_mutex_lock(&off->lock);
    off->closing = true;
    pthread_cond_broadcast(&off->work);
    int waited = 0;
    while (off->nthreads + off->napart && waited == 0)
        waited = pthread_cond_timedwait(&off->idle, &off->lock, &until);
    bool abandoned = off->nthreads + off->napart > 0;
    pthread_mutex_unlock(&off->lock);

    ev_async_stop(loop_ev(off->loop), &off->finished);
    /* A helper still uses it, so it lives until the process ends. */
    if (abandoned)
        return;
    free_jobs(&off->waiting);
    free_jobs(&off->waiting_apart);
    free_jobs(&off->done);
    pthread_mutex_destroy(&off->lock);
    pthread_cond_destroy(&off->work);
    pthread_cond_destroy(&off->idle);
    free(off);
}
