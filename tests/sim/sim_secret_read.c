/* io/secret_read.h over the files of the simulated world. */
#include "io/secret_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim_world.h"

struct secret_read {
    struct sim *sim;
    struct sim_event due;
    char *path;
    secret_read_fn *fn;
    void *ctx;
    bool hangs;
};

static void read_free(struct secret_read *r)
{
    sim_event_stop(r->sim->loop, &r->due);
    r->sim->living.jobs--;
    free(r->path);
    free(r);
}

static void on_due(void *arg)
{
    struct secret_read *r = arg;
    struct err err = {0};
    struct secret *secret = NULL;
    const char *text = sim_file_text(r->sim, r->path);
    if (r->hangs)
        err_set(&err, ERR_TIMEOUT, "%s cannot be read: the disk has not answered", r->path);
    else if (!text)
        err_set(&err, ERR_NOT_FOUND, "%s cannot be read: No such file or directory", r->path);
    else
        secret = secret_new(slice_make(text, strcspn(text, "\r\n")));
    secret_read_fn *fn = r->fn;
    void *ctx = r->ctx;
    read_free(r);
    fn(ctx, secret, secret ? NULL : &err);
}

struct secret_read *secret_read(struct loop *loop, struct offload *disk, const char *path,
                                usec deadline, secret_read_fn *fn, void *ctx)
{
    (void)disk;
    struct secret_read *r = NEW(struct secret_read);
    struct sim *sim = loop->sim;
    r->sim = sim;
    r->path = mem_string(path);
    r->fn = fn;
    r->ctx = ctx;
    r->hangs = sim->files_hang;
    sim->living.jobs++;
    sim->secret_reads++;
    sim_event_init(&r->due, on_due, r);
    usec moment = 1 + (usec)sim_rng_below(&sim->net_rng, 1000);
    sim_event_arm(loop, &r->due, r->hangs ? deadline : moment);
    return r;
}

void secret_read_cancel(struct secret_read **read)
{
    if (*read)
        read_free(*read);
    *read = NULL;
}

void sim_files_hang(struct sim *sim, bool hang)
{
    sim->files_hang = hang;
}

unsigned sim_secret_reads(const struct sim *sim)
{
    return sim->secret_reads;
}
