#include "io/secret_read.h"

#include <stdlib.h>

#include "base/caps.h"
#include "base/mem.h"
#include "base/secret_file.h"

struct secret_read {
    char *path;
    /* The helper's result. The loop reads it only after the helper has finished. */
    struct secret *secret;
    struct err err;
    /* The fields below belong to the loop. */
    struct timer *deadline;
    usec patience;
    bool submitted;
    secret_read_fn *fn;
    void *ctx;
};

static void run(void *arg)
{
    struct secret_read *r = arg;
    unsigned mode;
    r->secret = secret_file_read(r->path, &mode, &r->err);
}

static void read_free(struct secret_read *r)
{
    timer_free(&r->deadline);
    secret_free(&r->secret);
    free(r->path);
    free(r);
}

static void done(void *arg)
{
    struct secret_read *r = arg;
    struct secret *secret = r->secret;
    if (r->fn) {
        r->secret = NULL;
        r->fn(r->ctx, secret, secret ? NULL : &r->err);
    }
    read_free(r);
}

/* The helper may hang for hours. Its job is freed when it returns. */
static void on_deadline(void *arg)
{
    struct secret_read *r = arg;
    secret_read_fn *fn = r->fn;
    void *ctx = r->ctx;
    struct err err;
    err_set(&err, ERR_TIMEOUT, "%.200s cannot be read: the disk has not answered for %d seconds",
            r->path, (int)(r->patience / USEC_PER_SEC));
    secret_read_cancel(&r);
    fn(ctx, NULL, &err);
}

struct secret_read *secret_read(struct loop *loop, struct offload *disk, const char *path,
                                usec deadline, secret_read_fn *fn, void *ctx)
{
    struct secret_read *r = NEW(struct secret_read);
    r->path = mem_string(path);
    r->patience = deadline;
    r->fn = fn;
    r->ctx = ctx;
    r->deadline = timer_new(loop, on_deadline, r);
    timer_arm(r->deadline, deadline);
    r->submitted = offload_waiting(disk) < CAP_SECRET_READS;
    if (r->submitted)
        offload_submit(disk, run, done, r);
    return r;
}

void secret_read_cancel(struct secret_read **read)
{
    struct secret_read *r = *read;
    *read = NULL;
    if (!r)
        return;
    timer_free(&r->deadline);
    r->fn = NULL;
    if (!r->submitted)
        read_free(r);
}
