#include "oauth/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "io/crypto.h"
#include "io/offload.h"
#include "io/token_file.h"
#include "oauth/grant.h"

/* The work of a helper. The loop does not touch it before it is done. */
struct job {
    /* Belongs to the loop. NULL if no callback is wanted any more. */
    struct token_store *store;
    char *paths[OAUTH_INPUTS];
    bool lock, refreshes;
    struct token_file *file;
    struct oauth_inputs inputs;
    /* For a put. */
    struct secret *token;
    struct err err;
};

struct token_store {
    const struct io *io;
    char *paths[OAUTH_INPUTS];
    bool refreshes;
    struct job *job;
    struct token_file *file;
    struct oauth_inputs inputs;
    /* A refresh token that could not be written, and the content of the file at that time. While
     * the file still has that content, the token in memory is the valid one. */
    struct secret *kept, *consumed;
    token_store_fn *taken;
    void (*put)(void *ctx, const struct err *err);
    void *ctx;
};

static void inputs_clear(struct oauth_inputs *inputs)
{
    for (size_t i = 0; i < OAUTH_INPUTS; i++)
        secret_free(&inputs->items[i]);
}

static struct job *job_new(struct token_store *s)
{
    struct job *j = NEW(struct job);
    j->store = s;
    j->refreshes = s->refreshes;
    for (size_t i = 0; i < OAUTH_INPUTS; i++)
        j->paths[i] = s->paths[i] ? mem_string(s->paths[i]) : NULL;
    s->job = j;
    return j;
}

static void job_free(struct job *j)
{
    for (size_t i = 0; i < OAUTH_INPUTS; i++)
        free(j->paths[i]);
    inputs_clear(&j->inputs);
    secret_free(&j->token);
    token_file_unlock(&j->file);
    free(j);
}

/* ---- on a helper ---- */

static bool is_one_line(enum oauth_input input)
{
    return input == OAUTH_CLIENT_SECRET || input == OAUTH_ASSERTION || input == OAUTH_REFRESH_TOKEN;
}

static struct secret *read_input(struct job *j, enum oauth_input input)
{
    struct secret *token = NULL;
    if (input == OAUTH_REFRESH_TOKEN && j->lock) {
        j->file = token_file_lock(j->paths[input], &token, &j->err);
        return token;
    }
    return is_one_line(input) ? secret_line(j->paths[input], &j->err)
                              : secret_text(j->paths[input], CAP_SECRET, &j->err);
}

static void run_take(void *arg)
{
    struct job *j = arg;
    for (enum oauth_input i = 0; i < OAUTH_INPUTS && j->err.kind == ERR_NONE; i++)
        if (j->paths[i] && (i != OAUTH_REFRESH_TOKEN || j->refreshes))
            j->inputs.items[i] = read_input(j, i);
}

static void run_put(void *arg)
{
    struct job *j = arg;
    if (token_file_replace(j->file, j->token, &j->err) == 0)
        j->err = (struct err){0};
    token_file_unlock(&j->file);
}

static void run_release(void *arg)
{
    struct job *j = arg;
    token_file_unlock(&j->file);
}

/* ---- on the loop ---- */

static void print_of(const struct oauth_inputs *inputs, uint8_t out[32])
{
    uint8_t all[OAUTH_INPUTS][32];
    memset(all, 0, sizeof all);
    for (size_t i = 0; i < OAUTH_INPUTS; i++)
        if (inputs->items[i])
            sha256(secret_reveal(inputs->items[i]), all[i]);
    sha256(slice_make(all, sizeof all), out);
}

/* The token in memory is newer than that of the file, unless the file was changed meanwhile. */
static void prefer_kept(struct token_store *s)
{
    struct secret **token = &s->inputs.items[OAUTH_REFRESH_TOKEN];
    if (!s->kept || !*token)
        return;
    if (secret_equal(*token, s->consumed)) {
        secret_free(token);
        *token = secret_copy(s->kept);
        return;
    }
    secret_free(&s->kept);
    secret_free(&s->consumed);
}

static void done_take(void *arg)
{
    struct job *j = arg;
    struct token_store *s = j->store;
    struct token_store_news news = {.err = j->err};
    if (!s) {
        job_free(j);
        return;
    }
    s->job = NULL;
    inputs_clear(&s->inputs);
    if (j->err.kind == ERR_NONE) {
        s->inputs = j->inputs;
        j->inputs = (struct oauth_inputs){0};
        s->file = j->file;
        j->file = NULL;
        print_of(&s->inputs, news.print);
        prefer_kept(s);
        news.inputs = &s->inputs;
    }
    job_free(j);
    s->taken(s->ctx, &news);
}

static void keep(struct token_store *s, struct job *j)
{
    secret_free(&s->kept);
    s->kept = j->token;
    j->token = NULL;
    if (!s->consumed)
        s->consumed = secret_copy(s->inputs.items[OAUTH_REFRESH_TOKEN]);
}

static void done_put(void *arg)
{
    struct job *j = arg;
    struct token_store *s = j->store;
    struct err err = j->err;
    if (!s) {
        job_free(j);
        return;
    }
    s->job = NULL;
    if (err.kind != ERR_NONE) {
        keep(s, j);
    } else {
        secret_free(&s->kept);
        secret_free(&s->consumed);
    }
    job_free(j);
    s->put(s->ctx, err.kind == ERR_NONE ? NULL : &err);
}

static void done_release(void *arg)
{
    job_free(arg);
}

struct token_store *token_store_new(const struct io *io, const struct oauth_settings *settings,
                                    bool refreshes)
{
    struct token_store *s = NEW(struct token_store);
    s->io = io;
    s->refreshes = refreshes;
    for (enum oauth_input i = 0; i < OAUTH_INPUTS; i++) {
        const char *path = oauth_input_path(settings, i);
        s->paths[i] = path ? mem_string(path) : NULL;
    }
    return s;
}

void token_store_take(struct token_store *s, bool lock, token_store_fn *fn, void *ctx)
{
    struct job *j = job_new(s);
    s->taken = fn;
    s->ctx = ctx;
    j->lock = lock;
    offload_submit(s->io->disk, run_take, done_take, j);
}

void token_store_put(struct token_store *s, const struct secret *token,
                     void (*done)(void *ctx, const struct err *err), void *ctx)
{
    struct job *j = job_new(s);
    s->put = done;
    s->ctx = ctx;
    j->token = secret_copy(token);
    j->file = s->file;
    s->file = NULL;
    offload_submit(s->io->disk, run_put, done_put, j);
}

/* On a network file system close may hang, too. */
void token_store_release(struct token_store *s)
{
    if (!s->file)
        return;
    struct job *j = NEW(struct job);
    j->file = s->file;
    s->file = NULL;
    offload_submit(s->io->disk, run_release, done_release, j);
}

void token_store_free(struct token_store **store)
{
    struct token_store *s = *store;
    *store = NULL;
    if (!s)
        return;
    token_store_release(s);
    if (s->job)
        s->job->store = NULL;
    for (size_t i = 0; i < OAUTH_INPUTS; i++)
        free(s->paths[i]);
    inputs_clear(&s->inputs);
    secret_free(&s->kept);
    secret_free(&s->consumed);
    free(s);
}
