/* The configuration has read the `password_file` at the start and on each reload. After a refusal
 * it is read again. While the refused password rests it is read every so often, so that a corrected
 * file counts without a reload. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/secret_file.h"
#include "io/secret_read.h"
#include "upstream/credential_source.h"

#define READ_DEADLINE (10 * USEC_PER_SEC)
#define WATCHED (15 * USEC_PER_SEC)

struct source {
    struct source_owner owner;
    /* NULL if it names a credential of a service manager that is not running us. */
    char *path;
    struct secret_read *read;
    struct deferred failing;
};

static bool is_given(const struct upstream_config *cfg)
{
    return cfg->password_file != NULL;
}

static void on_failing(void *arg)
{
    struct source *s = arg;
    struct err err;
    err_set(&err, ERR_NOT_FOUND, "$CREDENTIALS_DIRECTORY is not set");
    s->owner.answered(s->owner.ctx, NULL, &err);
}

static struct source *make(const struct source_owner *owner, const struct upstream_config *cfg)
{
    struct source *s = NEW(struct source);
    s->owner = *owner;
    s->path = secret_file_path(cfg->password_file);
    deferred_init(&s->failing, on_failing, s);
    return s;
}

static void on_read(void *ctx, struct secret *secret, const struct err *err)
{
    struct source *s = ctx;
    s->read = NULL;
    s->owner.answered(s->owner.ctx, secret, err);
}

static void ask(struct source *s)
{
    const struct io *io = s->owner.io;
    if (s->path)
        s->read = secret_read(io->loop, io->disk, s->path, READ_DEADLINE, on_read, s);
    else
        loop_defer(io->loop, &s->failing);
}

static bool refused(struct source *s)
{
    (void)s;
    return true;
}

static void forget(struct source *s)
{
    secret_read_cancel(&s->read);
    deferred_cancel(&s->failing);
    free(s->path);
    s->path = NULL;
}

static bool update(struct source *s, const struct upstream_config *cfg)
{
    forget(s);
    s->path = secret_file_path(cfg->password_file);
    return true;
}

static void source_free(struct source *s)
{
    forget(s);
    free(s);
}

const struct source_kind credential_file = {
    .key = "password_file",
    .configured = true,
    .outlives_failure = true,
    .watched = WATCHED,
    .is_given = is_given,
    .make = make,
    .ask = ask,
    .refused = refused,
    .update = update,
    .free = source_free,
};
