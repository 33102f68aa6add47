/* io/process.h: a table of programs and what they print. */
#include "io/process.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "sim_world.h"

struct program {
    struct link link;
    char *path;
    /* NULL: fails */
    char *output;
    usec delay;
    unsigned runs;
    /* of the last run, "A=1\nB=2\n" */
    char *env;
};

struct process_run {
    struct sim *sim;
    struct sim_event due;
    char *path;
    bool too_late, is_mute;
    process_fn *fn;
    void *ctx;
};

static struct program *find(const struct sim *sim, const char *path)
{
    LIST_EACH (&sim->programs, it) {
        struct program *p = CONTAINER(it, struct program, link);
        if (strcmp(p->path, path) == 0)
            return p;
    }
    return NULL;
}

void sim_program(struct sim *sim, const char *path, const char *output, usec delay)
{
    struct program *p = find(sim, path);
    if (!p) {
        p = NEW(struct program);
        p->path = mem_string(path);
        list_push_back(&sim->programs, &p->link);
    }
    free(p->output);
    p->output = output ? mem_string(output) : NULL;
    p->delay = delay;
}

unsigned sim_program_runs(const struct sim *sim, const char *path)
{
    const struct program *p = find(sim, path);
    return p ? p->runs : 0;
}

const char *sim_program_env(const struct sim *sim, const char *path)
{
    const struct program *p = find(sim, path);
    return p && p->env ? p->env : "";
}

void sim_programs_free(struct sim *sim)
{
    LIST_EACH (&sim->programs, it) {
        struct program *p = CONTAINER(it, struct program, link);
        free(p->path);
        free(p->output);
        free(p->env);
        free(p);
    }
}

static void run_free(struct process_run *run)
{
    sim_event_stop(run->sim->loop, &run->due);
    run->sim->living.processes--;
    free(run->path);
    free(run);
}

static void ended(void *arg)
{
    struct process_run *run = arg;
    struct err err = {0};
    struct secret *output = NULL;
    const struct program *p = find(run->sim, run->path);
    if (!p)
        err_set(&err, ERR_NOT_FOUND, "%s: no such file or directory", run->path);
    else if (run->too_late)
        err_set(&err, ERR_TIMEOUT, "%s: did not end in time", run->path);
    else if (!p->output)
        err_set(&err, ERR_SYSTEM, "%s: exit status 1", run->path);
    else if (!run->is_mute)
        output = secret_new(slice_make(p->output, strcspn(p->output, "\r\n")));
    process_fn *fn = run->fn;
    void *ctx = run->ctx;
    run_free(run);
    fn(ctx, output, err.kind == ERR_NONE ? NULL : &err);
}

static void note_env(struct program *p, char *const env[])
{
    struct buf all;
    buf_init(&all, 64 * 1024);
    for (size_t i = 0; env && env[i]; i++)
        if (!buf_printf(&all, "%s\n", env[i]))
            abort();
    free(p->env);
    p->env = slice_string(buf_view(&all));
    buf_free(&all);
}

struct process_run *process_run(struct loop *loop, struct offload *off,
                                const struct process_order *order, process_fn *fn, void *ctx)
{
    (void)off;
    const char *path = order->argv[0];
    struct process_run *run = NEW(struct process_run);
    struct program *p = find(loop->sim, path);
    *run = (struct process_run){.sim = loop->sim,
                                .path = mem_string(path),
                                .is_mute = order->is_mute,
                                .fn = fn,
                                .ctx = ctx};
    sim_event_init(&run->due, ended, run);
    loop->sim->living.processes++;
    if (p) {
        p->runs++;
        note_env(p, order->env);
    }
    run->too_late = p && p->delay > order->deadline;
    sim_event_arm(loop, &run->due, !p ? USEC_PER_MS : run->too_late ? order->deadline : p->delay);
    return run;
}

void process_cancel(struct process_run **run)
{
    if (*run)
        run_free(*run);
    *run = NULL;
}
