#include "app/reread.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/loop.h"
#include "io/offload.h"
#include "relay/certificates.h"
#include "upstream/contexts.h"

/* A line of the log, which belongs to the loop's thread. */
struct kept_line {
    enum log_level level;
    char *text;
    size_t len;
};

struct reread {
    struct loop *loop;
    struct offload *thread;
    /* Reads on the loop, where the system gives no thread. */
    struct deferred without;
    const char *file;
    struct config *in_force;
    struct certificates *shown;
    struct reread_result result;
    /* Collects the lines. */
    struct log *log;
    struct log_sink sink;
    struct kept_line *lines;
    size_t nlines;
    void (*done)(void *ctx, struct reread_result *result);
    void *ctx;
    /* The thread has finished with it. */
    atomic_bool is_read;
};

static void gather(void *ctx, enum log_level level, const char *line, size_t len)
{
    struct reread *r = ctx;
    r->lines = mem_resize(r->lines, (r->nlines + 1) * sizeof *r->lines);
    r->lines[r->nlines++] = (struct kept_line){level, mem_copy(line, len), len};
}

static int64_t wall_ms(void *ctx)
{
    const struct reread *r = ctx;
    return r->sink.wall_ms(r->sink.ctx);
}

/* Runs on the thread. */
static void read_files(void *arg)
{
    struct reread *r = arg;
    struct reread_result *result = &r->result;
    result->config = config_reload(r->file, r->in_force, &result->report);
    result->is_forbidden = !result->config && access(r->file, R_OK) != 0 && errno == EACCES;
    if (result->config) {
        result->certificates = certificates_new(result->config, r->shown, r->log, &result->err);
        result->contexts = contexts_new(result->config);
    }
    atomic_store(&r->is_read, true);
}

static void reread_free(struct reread *r)
{
    contexts_free(&r->result.contexts);
    certificates_unref(&r->result.certificates);
    config_unref(&r->result.config);
    config_report_free(&r->result.report);
    certificates_unref(&r->shown);
    config_unref(&r->in_force);
    for (size_t i = 0; i < r->nlines; i++)
        free(r->lines[i].text);
    free(r->lines);
    log_free(&r->log);
    free(r);
}

static void end_thread(void *arg)
{
    struct offload *thread = arg;
    offload_free(&thread);
}

static void on_read(void *arg)
{
    struct reread *r = arg;
    for (size_t i = 0; i < r->nlines; i++)
        r->sink.write(r->sink.ctx, r->lines[i].level, r->lines[i].text, r->lines[i].len);
    r->done(r->ctx, &r->result);
    /* It is the caller of this function. */
    if (r->thread)
        loop_free_later(r->loop, r->thread, end_thread);
    reread_free(r);
}

static void read_without_thread(void *arg)
{
    read_files(arg);
    on_read(arg);
}

struct reread *reread_begin(struct loop *loop, const char *file, struct config *in_force,
                            struct certificates *shown, struct log_sink sink,
                            void (*done)(void *ctx, struct reread_result *result), void *ctx)
{
    struct err err;
    struct reread *r = NEW(struct reread);
    r->loop = loop;
    /* This cannot fail. */
    r->thread = offload_new(loop, &err);
    r->file = file;
    r->in_force = config_ref(in_force);
    r->shown = certificates_ref(shown);
    r->sink = sink;
    r->log = log_new((enum log_level)in_force->log.level, in_force->log.json,
                     (struct log_sink){gather, wall_ms, r});
    r->done = done;
    r->ctx = ctx;
    deferred_init(&r->without, read_without_thread, r);
    offload_submit(r->thread, read_files, on_read, r);
    /* Then the loop waits for the files. That is better than no reload. */
    if (offload_helpers(r->thread) == 0) {
        offload_free(&r->thread);
        loop_defer(loop, &r->without);
    }
    return r;
}

bool reread_abandon(struct reread **reread)
{
    struct reread *r = *reread;
    *reread = NULL;
    if (!r)
        return true;
    bool has_thread = r->thread != NULL;
    deferred_cancel(&r->without);
    offload_free(&r->thread);
    if (has_thread && !atomic_load(&r->is_read))
        return false;
    reread_free(r);
    return true;
}
