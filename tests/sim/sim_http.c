/* io/http.h and io/token_file.h without a network and without a disk. */
#include "sim_http.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/files.h"
#include "io/token_file.h"
#include "sim_world.h"

struct http {
    struct sim *sim;
};

struct http_request {
    struct sim *sim;
    struct sim_event due;
    char *text;
    struct http_answer answer;
    http_fn *fn;
    void *ctx;
};

void sim_http_serve(struct sim *sim, sim_endpoint *fn, void *ctx)
{
    sim->endpoint = fn;
    sim->endpoint_ctx = ctx;
}

struct http *http_new(struct loop *loop, struct err *err)
{
    (void)err;
    struct http *h = NEW(struct http);
    h->sim = loop->sim;
    return h;
}

void http_free(struct http **http)
{
    free(*http);
    *http = NULL;
}

static void request_free(struct http_request *r)
{
    sim_event_stop(r->sim->loop, &r->due);
    r->sim->living.jobs--;
    free(r->text);
    free(r);
}

static void on_due(void *arg)
{
    struct http_request *r = arg;
    struct http_answer answer = r->answer;
    struct err err;
    char *text = mem_string(r->text);
    http_fn *fn = r->fn;
    void *ctx = r->ctx;
    answer.body = slice_of(text);
    request_free(r);
    err_set(&err, ERR_TIMEOUT, "token.test: no answer");
    fn(ctx, answer.status ? &answer : NULL, answer.status ? NULL : &err);
    free(text);
}

struct http_request *http_send(struct http *h, const struct http_ask *ask, http_fn *fn, void *ctx)
{
    struct http_request *r = NEW(struct http_request);
    struct sim *sim = h->sim;
    sim_endpoint *endpoint = sim->endpoint;
    struct slice body = ask->body ? secret_reveal(ask->body) : slice_make(NULL, 0);
    struct sim_http_reply reply =
        endpoint ? endpoint(sim->endpoint_ctx, body) : (struct sim_http_reply){0};
    usec deadline = ask->deadline ? ask->deadline : 10 * USEC_PER_SEC;
    r->sim = sim;
    r->fn = fn;
    r->ctx = ctx;
    r->text = mem_string(reply.body ? reply.body : "");
    r->answer = (struct http_answer){.status = reply.delay > deadline ? 0 : reply.status,
                                     .date = reply.date,
                                     .retry_after = reply.retry_after ? reply.retry_after : -1};
    sim->living.jobs++;
    sim_event_init(&r->due, on_due, r);
    sim_event_arm(sim->loop, &r->due, r->answer.status ? reply.delay + 20 * USEC_PER_MS : deadline);
    return r;
}

void http_cancel(struct http_request **request)
{
    if (*request)
        request_free(*request);
    *request = NULL;
}

/* ---- token files ---- */

struct token_file {
    char *path;
};

void sim_tokens_locked(struct sim *sim, bool locked)
{
    sim->tokens_locked = locked;
}

struct secret *secret_text(const char *path, size_t max, struct err *err)
{
    const char *text = sim_file_text(sim_current(), path);
    if (text && strlen(text) <= max)
        return secret_new(slice_of(text));
    err_set(err, ERR_NOT_FOUND, "%s: no such file or directory", path);
    return NULL;
}

struct secret *secret_line(const char *path, struct err *err)
{
    const char *text = sim_file_text(sim_current(), path);
    if (text)
        return secret_new(slice_make(text, strcspn(text, "\r\n")));
    err_set(err, ERR_NOT_FOUND, "%s: no such file or directory", path);
    return NULL;
}

struct token_file *token_file_lock(const char *path, struct secret **token_r, struct err *err)
{
    struct sim *sim = sim_current();
    *token_r = NULL;
    if (sim->tokens_locked || sim->tokens_held > 0) {
        err_set(err, ERR_TIMEOUT, "%s is locked: another process renews the token", path);
        return NULL;
    }
    *token_r = secret_line(path, err);
    if (!*token_r)
        return NULL;
    struct token_file *file = NEW(struct token_file);
    file->path = mem_string(path);
    sim->tokens_held++;
    return file;
}

int token_file_replace(const struct token_file *file, const struct secret *token, struct err *err)
{
    return file_replace(file->path, secret_reveal(token), 0600, err);
}

void token_file_unlock(struct token_file **file)
{
    if (!*file)
        return;
    sim_current()->tokens_held--;
    free((*file)->path);
    free(*file);
    *file = NULL;
}
