#include "app/login_redirect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/secret.h"
#include "io/listener.h"
#include "io/stream.h"

/* For a whole request, and for its answer to leave: the browser stands on this machine. */
#define PATIENCE (5 * USEC_PER_SEC)
/* Ports that are free on one loopback and taken on the other are rare. */
enum { PORTS_TRIED = 20, ANSWER = 1024 };

struct redirect {
    struct loop *loop;
    redirect_fn *fn;
    void *ctx;
    struct listener *v4, *v6;
    struct link visits;
    size_t nvisits;
};

struct browser_visit {
    struct link link;
    struct redirect *redirect;
    struct stream *stream;
    struct timer *timer;
};

/* ---- a visit ---- */

static void visit_forget(struct browser_visit *v)
{
    link_remove(&v->link);
    v->redirect->nvisits--;
    timer_free(&v->timer);
    loop_free_later(v->redirect->loop, v, free);
}

static void visit_cut(struct browser_visit *v)
{
    stream_close(&v->stream);
    visit_forget(v);
}

static void on_visit_time(void *arg)
{
    visit_cut(arg);
}

/* Plain text: nothing in it can be taken for a page. */
static void answer(struct browser_visit *v, const char *status, const char *words)
{
    char text[ANSWER];
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                     "Content-Length: %zu\r\nCache-Control: no-store\r\n"
                     "Referrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n"
                     "Connection: close\r\n\r\n%s",
                     status, strlen(words), words);
    if (!stream_write(v->stream, text, (size_t)n))
        stream_close(&v->stream);
    else
        stream_finish(&v->stream, PATIENCE);
    visit_forget(v);
}

/* Returns "/?code=..." of "GET /?code=... HTTP/1.1". Returns an empty slice if the line is no such
 * request. */
static struct slice target_of(struct slice line)
{
    if (!slice_starts(line, "GET /"))
        return slice_make(NULL, 0);
    struct slice rest = slice_from(line, 4), target = slice_head(rest, slice_find(rest, ' '));
    return slice_starts(slice_from(rest, target.len), " HTTP/1.") ? target : slice_make(NULL, 0);
}

static void take(struct browser_visit *v, struct slice line)
{
    struct err err = {0};
    struct slice target = target_of(line);
    if (!target.len)
        answer(v, "400 Bad Request", "This is no request for a page.\n");
    else if (!slice_starts(target, "/?"))
        answer(v, "404 Not Found", "There is nothing here.\n");
    else if (v->redirect->fn(v->redirect->ctx, target, &err) == 0)
        answer(v, "200 OK",
               "smtp-detour has what it needs: the terminal says how the login ends. This window "
               "can be closed.\n");
    else {
        char words[sizeof err.words + 2];
        snprintf(words, sizeof words, "%s\n", err.words);
        answer(v, "400 Bad Request", words);
    }
}

/* The length of the head, its empty line included; 0: more is to come. */
static size_t head_of(struct slice view)
{
    for (size_t at = 0; at < view.len;) {
        struct slice rest = slice_from(view, at);
        size_t n = slice_find(rest, '\n');
        if (n == rest.len)
            return 0;
        at += n + 1;
        if (n == 0 || (n == 1 && rest.data[0] == '\r'))
            return at;
    }
    return 0;
}

static void on_input(struct browser_visit *v)
{
    struct slice view = stream_view(v->stream);
    size_t head = head_of(view);
    if (head == 0 && view.len < CAP_REDIRECT_REQUEST)
        return;
    if (head == 0) {
        answer(v, "431 Request Header Fields Too Large", "This request is too long.\n");
        return;
    }
    char *line = mem_copy(view.data, slice_find(view, '\n'));
    size_t n = strlen(line);
    if (n && line[n - 1] == '\r')
        line[--n] = 0;
    stream_consume(v->stream, view.len);
    take(v, slice_make(line, n));
    secret_erase(line, n);
    free(line);
}

static void on_stream(void *ctx, struct stream *s, enum stream_event event)
{
    struct browser_visit *v = ctx;
    (void)s;
    if (event == STREAM_INPUT)
        on_input(v);
    else if (event == STREAM_EOF || event == STREAM_FAILED)
        visit_cut(v);
}

/* One too many, and the oldest goes: browsers open some ahead and never use them. */
static void on_accept(void *ctx, struct transport *t)
{
    struct redirect *r = ctx;
    if (r->nvisits == CAP_REDIRECT_VISITS)
        visit_cut(CONTAINER(r->visits.next, struct browser_visit, link));
    struct browser_visit *v = NEW(struct browser_visit);
    v->redirect = r;
    link_init(&v->link);
    list_push_back(&r->visits, &v->link);
    r->nvisits++;
    v->stream =
        stream_accepted(t, (struct stream_caps){CAP_REDIRECT_REQUEST, ANSWER}, on_stream, v);
    stream_wipe(v->stream, true);
    v->timer = timer_new(r->loop, on_visit_time, v);
    timer_arm(v->timer, PATIENCE);
}

/* ---- the page ---- */

static struct addr loopback(const char *text, uint16_t port)
{
    struct addr at = {0};
    if (addr_parse(slice_of(text), &at))
        at.port = port;
    return at;
}

/* -1 with ERR_IN_USE: another port may do. */
static int listen_on_both(struct redirect *r, struct err *err)
{
    struct addr v4 = loopback("127.0.0.1", 0);
    r->v4 = listener_open(r->loop, &v4, on_accept, r, err);
    if (!r->v4)
        return -1;
    struct addr v6 = loopback("::1", redirect_port(r));
    r->v6 = listener_address_is_ours(&v6) ? listener_open(r->loop, &v6, on_accept, r, err) : NULL;
    if (r->v6 || !listener_address_is_ours(&v6) || err->kind != ERR_IN_USE)
        return 0;
    listener_close(&r->v4);
    return -1;
}

struct redirect *redirect_open(struct loop *loop, redirect_fn *fn, void *ctx, struct err *err)
{
    struct redirect *r = NEW(struct redirect);
    r->loop = loop;
    r->fn = fn;
    r->ctx = ctx;
    link_init(&r->visits);
    for (int i = 0; i < PORTS_TRIED; i++) {
        *err = (struct err){0};
        if (listen_on_both(r, err) == 0)
            return r;
        if (err->kind != ERR_IN_USE)
            break;
    }
    free(r);
    return NULL;
}

uint16_t redirect_port(const struct redirect *r)
{
    return listener_address(r->v4)->port;
}

void redirect_close(struct redirect **redirect)
{
    struct redirect *r = *redirect;
    *redirect = NULL;
    if (!r)
        return;
    listener_close(&r->v4);
    listener_close(&r->v6);
    LIST_EACH (&r->visits, it)
        visit_cut(CONTAINER(it, struct browser_visit, link));
    loop_free_later(r->loop, r, free);
}
