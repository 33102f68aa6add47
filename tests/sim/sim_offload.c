/* io/offload.h: the helper threads are the loop itself, a moment later. Up to CAP_HELPER_THREADS
 * jobs at a time, each taking up to 2 ms. */
#include "io/offload.h"

#include <stdlib.h>

#include "base/caps.h"
#include "base/mem.h"
#include "sim_world.h"

struct job {
    struct link link;
    struct offload *off;
    struct sim_event event;
    bool has_run;
    void (*run)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

struct offload {
    struct sim *sim;
    struct link waiting, running;
    size_t nwaiting, nrunning;
};

struct offload *offload_new(struct loop *loop, struct err *err)
{
    (void)err;
    struct offload *off = NEW(struct offload);
    off->sim = loop->sim;
    link_init(&off->waiting);
    link_init(&off->running);
    return off;
}

static void job_free(struct job *j)
{
    sim_event_stop(j->off->sim->loop, &j->event);
    link_remove(&j->link);
    j->off->sim->living.jobs--;
    free(j);
}

void offload_free(struct offload **off)
{
    if (!*off)
        return;
    LIST_EACH (&(*off)->waiting, it)
        job_free(CONTAINER(it, struct job, link));
    LIST_EACH (&(*off)->running, it)
        job_free(CONTAINER(it, struct job, link));
    free(*off);
    *off = NULL;
}

static void start_more(struct offload *off)
{
    while (off->nrunning < CAP_HELPER_THREADS && off->nwaiting > 0) {
        struct job *j = CONTAINER(off->waiting.next, struct job, link);
        link_remove(&j->link);
        list_push_back(&off->running, &j->link);
        off->nwaiting--;
        off->nrunning++;
        sim_event_arm(off->sim->loop, &j->event, 1 + (usec)sim_rng_below(&off->sim->net_rng, 1000));
    }
}

static void job_moves(void *arg)
{
    struct job *j = arg;
    struct offload *off = j->off;
    if (!j->has_run) {
        j->has_run = true;
        j->run(j->arg);
        sim_event_arm(off->sim->loop, &j->event, 1 + (usec)sim_rng_below(&off->sim->net_rng, 1000));
        return;
    }
    void (*done)(void *arg) = j->done;
    void *job = j->arg;
    job_free(j);
    off->nrunning--;
    start_more(off);
    done(job);
}

void offload_submit(struct offload *off, void (*run)(void *arg), void (*done)(void *arg), void *arg)
{
    struct job *j = NEW(struct job);
    *j = (struct job){.off = off, .run = run, .done = done, .arg = arg};
    sim_event_init(&j->event, job_moves, j);
    list_push_back(&off->waiting, &j->link);
    off->nwaiting++;
    off->sim->living.jobs++;
    start_more(off);
}

size_t offload_waiting(const struct offload *off)
{
    return off->nwaiting;
}

void sim_disk_dies(struct sim *sim)
{
    struct offload *off = sim->io.disk;
    LIST_EACH (&off->waiting, it)
        CONTAINER(it, struct job, link)->has_run = true;
    LIST_EACH (&off->running, it)
        CONTAINER(it, struct job, link)->has_run = true;
}
