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
    enum err_kind fails;
    http_fn *fn;
    void *ctx;
    void (*release)(void *ctx);
    void *release_ctx;
    usec deadline;
    /* Of a message: what was asked for, until it is read. */
    struct octets stream;
    struct http_route route;
    char *url;
    char *headers[8];
    size_t nheaders;
    bool is_get, was_sent;
};

void sim_http_serve(struct sim *sim, sim_endpoint *fn, void *ctx)
{
    sim->endpoint = fn;
    sim->endpoint_ctx = ctx;
}

void sim_http_serve_mail(struct sim *sim, sim_mail_endpoint *fn, void *ctx)
{
    sim->mail_endpoint = fn;
    sim->mail_endpoint_ctx = ctx;
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
    if (r->release)
        r->release(r->release_ctx);
    for (size_t i = 0; i < r->nheaders; i++)
        free(r->headers[i]);
    free(r->url);
    free(r->text);
    free(r);
}

bool http_was_sent(const struct http_request *r)
{
    return r->was_sent;
}

static void on_due(void *arg)
{
    struct http_request *r = arg;
    struct err err;
    http_fn *fn = r->fn;
    r->answer.body = slice_of(r->text);
    err_set(&err, r->fails, "service.test: %s",
            r->fails == ERR_TIMEOUT   ? "no answer"
            : r->fails == ERR_REFUSED ? "connection refused"
                                      : "the connection was lost");
    fn(r->ctx, r->fails ? NULL : &r->answer, r->fails ? &err : NULL);
    request_free(r);
}

/* It is answered when the reply says so, or the deadline is over. */
static void answer_by(struct http_request *r, const struct sim_http_reply *reply)
{
    r->text = mem_string(reply->body ? reply->body : "");
    r->answer = (struct http_answer){.status = reply->status,
                                     .date = reply->date,
                                     .retry_after = reply->retry_after ? reply->retry_after : -1};
    if (reply->fate != SIM_HTTP_WHOLE)
        r->fails = reply->fate == SIM_HTTP_NOBODY ? ERR_REFUSED : ERR_RESET;
    else if (!reply->status || reply->delay > r->deadline)
        r->fails = ERR_TIMEOUT;
    sim_event_init(&r->due, on_due, r);
    sim_event_arm(r->sim->loop, &r->due,
                  r->fails == ERR_TIMEOUT ? r->deadline : reply->delay + 20 * USEC_PER_MS);
}

/* In pieces, as a network takes it. Returns false if it cannot be read to its end. */
static bool read_stream(const struct octets *stream, char *out, size_t *n_r)
{
    for (*n_r = 0; *n_r < stream->size;) {
        size_t n = stream->size - *n_r < 16000 ? (size_t)(stream->size - *n_r) : 16000;
        if (!stream->read(stream->ctx, *n_r, out + *n_r, n))
            return false;
        *n_r += n;
    }
    return true;
}

/* The connection stands: the body goes. */
static void on_connected(void *arg)
{
    struct http_request *r = arg;
    struct sim *sim = r->sim;
    const char *headers[9] = {NULL};
    char *body = mem_alloc((size_t)r->stream.size + 1);
    size_t n = 0;
    bool whole = r->is_get || read_stream(&r->stream, body, &n);
    for (size_t i = 0; i < r->nheaders; i++)
        headers[i] = r->headers[i];
    const struct sim_http_mail mail = {.url = r->url,
                                       .headers = headers,
                                       .route = &r->route,
                                       .is_get = r->is_get,
                                       .body = slice_make(body, n),
                                       .is_torn = !whole};
    struct sim_http_reply reply = {.fate = SIM_HTTP_NOBODY};
    if (sim->mail_endpoint)
        reply = sim->mail_endpoint(sim->mail_endpoint_ctx, &mail);
    if (!whole)
        reply.fate = SIM_HTTP_CUT;
    r->was_sent = reply.fate == SIM_HTTP_WHOLE || reply.fate == SIM_HTTP_LOST;
    answer_by(r, &reply);
    free(body);
}

static void keep_mail(struct http_request *r, const struct http_ask *ask)
{
    r->is_get = !ask->stream;
    if (ask->stream)
        r->stream = *ask->stream;
    r->route = ask->route;
    r->url = mem_string(ask->url);
    for (const char *const *line = ask->headers; line && *line && r->nheaders < 8; line++)
        r->headers[r->nheaders++] = mem_string(*line);
    sim_event_init(&r->due, on_connected, r);
    sim_event_arm(r->sim->loop, &r->due, 10 * USEC_PER_MS);
}

struct http_request *http_send(struct http *h, const struct http_ask *ask, http_fn *fn, void *ctx)
{
    struct http_request *r = NEW(struct http_request);
    struct sim *sim = h->sim;
    r->sim = sim;
    r->fn = fn;
    r->ctx = ctx;
    r->release = ask->release;
    r->release_ctx = ask->release_ctx;
    r->deadline = ask->deadline ? ask->deadline : 10 * USEC_PER_SEC;
    sim->living.jobs++;
    if (!ask->body) {
        keep_mail(r, ask);
        return r;
    }
    struct sim_http_reply reply = {0};
    if (sim->endpoint)
        reply = sim->endpoint(sim->endpoint_ctx, secret_reveal(ask->body));
    answer_by(r, &reply);
    return r;
}

/* The thread looks at it once more before it lets go. */
static void on_let_go(void *arg)
{
    struct http_request *r = arg;
    char octet;
    if (r->stream.size && r->stream.read)
        (void)!r->stream.read(r->stream.ctx, r->stream.size - 1, &octet, 1);
    request_free(r);
}

void http_cancel(struct http_request **request)
{
    struct http_request *r = *request;
    *request = NULL;
    if (!r)
        return;
    sim_event_stop(r->sim->loop, &r->due);
    sim_event_init(&r->due, on_let_go, r);
    sim_event_arm(r->sim->loop, &r->due, 5 * USEC_PER_MS);
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
