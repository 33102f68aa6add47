#include "admin/http.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/metrics.h"
#include "admin/page.h"
#include "admin/status.h"
#include "base/caps.h"
#include "base/mem.h"
#include "io/listener.h"
#include "io/thread.h"
#include "io/visits.h"

/* Seconds that a connection may be idle. */
#define SILENCE 10

/* The library admits more connections than we do, because a connection that was shut lives until
 * its thread has seen that. */
enum { SOCKETS = 2 * CAP_ADMIN_CONNECTIONS };

struct admin_http {
    struct addr asked, bound;
    /* -1 once the library owns it. */
    int fd;
    struct MHD_Daemon *daemon;
    struct published *snapshots;
    /* NULL before http_serve. */
    struct visits *visits;
};

static usec monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (usec)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

/* ---- answers ---- */

/* A client's request. Borrows from the library until the answer is sent. */
struct admin_question {
    const struct snapshot *s;
    usec now;
    /* A parameter of the query, or NULL. */
    const char *account;
    /* The page is not to refresh itself. */
    bool still;
};

struct admin_answer {
    unsigned status;
    const char *type;
    /* Allocated with malloc. */
    char *text;
    size_t len;
};

static void say(struct admin_answer *a, unsigned status, const char *words)
{
    size_t n = strlen(words);
    a->status = status;
    a->type = "text/plain; charset=utf-8";
    a->text = mem_alloc(n + 2);
    memcpy(a->text, words, n);
    a->text[n] = '\n';
    a->len = n + 1;
}

static void take(struct admin_answer *a, struct out *o, const char *type)
{
    struct slice all = buf_view(&o->buf);
    if (o->full) {
        say(a, MHD_HTTP_INTERNAL_SERVER_ERROR, "the answer is larger than its cap");
    } else {
        a->status = MHD_HTTP_OK;
        a->type = type;
        a->text = mem_copy(all.data, all.len);
        a->len = all.len;
    }
    out_free(o);
}

static void answer_page(const struct admin_question *q, struct admin_answer *a)
{
    struct out o;
    out_init(&o);
    page_write(q->s, q->still, &o);
    take(a, &o, "text/html; charset=utf-8");
}

static void answer_metrics(const struct admin_question *q, struct admin_answer *a)
{
    struct out o;
    out_init(&o);
    metrics_write(q->s, q->now, &o);
    take(a, &o, "text/plain; version=0.0.4; charset=utf-8");
}

static void answer_status(const struct admin_question *q, struct admin_answer *a)
{
    a->text = status_json(q->s, q->now);
    if (!a->text) {
        say(a, MHD_HTTP_INTERNAL_SERVER_ERROR, "the status cannot be written");
        return;
    }
    a->status = MHD_HTTP_OK;
    a->type = "application/json";
    a->len = strlen(a->text);
}

static void say_whether(struct admin_answer *a, bool good, const char *words)
{
    say(a, good ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, words);
}

static void answer_live(const struct admin_question *q, struct admin_answer *a)
{
    bool lives = snapshot_is_alive(q->s, q->now);
    say_whether(a, lives, lives ? "alive" : "the event loop stands still");
}

static void answer_ready(const struct admin_question *q, struct admin_answer *a)
{
    char why[400];
    if (q->account && !snapshot_has_account(q->s, q->account)) {
        say(a, MHD_HTTP_NOT_FOUND, "there is no account of this name");
        return;
    }
    bool ready = snapshot_is_ready(q->s, q->account, q->now, why, sizeof why);
    say_whether(a, ready, why);
}

static void answer_accepting(const struct admin_question *q, struct admin_answer *a)
{
    char why[400];
    bool accepting = snapshot_is_accepting(q->s, q->now, why, sizeof why);
    say_whether(a, accepting, why);
}

/* The guarded paths say who writes to whom. A page of another site must not read them through a
 * browser that is allowed here, by pointing a name of its own to this machine. */
static const struct admin_path {
    const char *path;
    void (*answer)(const struct admin_question *q, struct admin_answer *a);
    bool guarded;
} places[] = {
    {"/", answer_page, true},
    {"/status.json", answer_status, true},
    {"/metrics", answer_metrics, false},
    {"/livez", answer_live, false},
    {"/readyz", answer_ready, false},
    {"/acceptz", answer_accepting, false},
};

static const struct admin_path *find_place(const char *path)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (strcmp(path, places[i].path) == 0)
            return &places[i];
    return NULL;
}

/* ---- the library's side ---- */

struct host_check {
    const struct snapshot *s;
    bool foreign;
};

static enum MHD_Result check_header(void *ctx, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    struct host_check *check = ctx;
    (void)kind;
    if (ascii_equal_fold(name, MHD_HTTP_HEADER_HOST) && value && *value &&
        !snapshot_has_host(check->s, slice_of(value)))
        check->foreign = true;
    return MHD_YES;
}

/* A client that sends no Host is no browser. If there are several, each must be ours. */
static bool host_is_foreign(struct MHD_Connection *connection, const struct snapshot *s)
{
    struct host_check check = {.s = s};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, check_header, &check);
    return check.foreign;
}

static void answer(struct MHD_Connection *connection, const char *path, const struct snapshot *s,
                   struct admin_answer *a)
{
    struct admin_question q = {.s = s, .now = monotonic()};
    const struct admin_path *place = find_place(path);
    q.account = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "account");
    q.still = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "still") != NULL;
    if (!place)
        say(a, MHD_HTTP_NOT_FOUND,
            "there is / and /status.json, /metrics, /livez, /readyz, /acceptz");
    else if (place->guarded && host_is_foreign(connection, s))
        say(a, MHD_HTTP_MISDIRECTED_REQUEST,
            "not under this name: [admin] hosts says by which names and addresses this page may be "
            "asked for");
    else
        place->answer(&q, a);
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, const struct admin_answer *a,
                                   const struct snapshot *s)
{
    char policy[256];
    struct MHD_Response *response =
        MHD_create_response_from_buffer(a->len, a->text, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(a->text);
        return MHD_NO;
    }
    snprintf(policy, sizeof policy, PAGE_POLICY, s->nonce);
    MHD_add_response_header(response, "Content-Type", a->type);
    MHD_add_response_header(response, "Content-Security-Policy", policy);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "X-Frame-Options", "DENY");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    if (a->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, a->status, response);
    MHD_destroy_response(response);
    return result;
}

static struct visit *visit_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void on_come_and_go(void *cls, struct MHD_Connection *connection, void **visit,
                           enum MHD_ConnectionNotificationCode what)
{
    struct admin_http *h = cls;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*visit)
            visits_leave(h->visits, *visit);
        *visit = NULL;
        return;
    }
    const union MHD_ConnectionInfo *from =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct addr peer = addr_from_sockaddr(from->client_addr);
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    *visit = visits_enter(h->visits, &peer, fd->connect_fd, monotonic());
}

static void on_answered(void *cls, struct MHD_Connection *connection, void **request,
                        enum MHD_RequestTerminationCode how)
{
    struct admin_http *h = cls;
    struct visit *visit = visit_of(connection);
    (void)request, (void)how;
    if (visit)
        visits_answered(h->visits, visit, monotonic());
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request)
{
    /* Its address marks a request whose head was seen. It is never written. */
    static char seen;
    struct admin_http *h = cls;
    struct admin_answer a = {0};
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    struct visit *visit = visit_of(connection);
    (void)version, (void)upload;
    if (visit)
        visits_ask(h->visits, visit);
    /* The library must be called twice. Otherwise it closes the connection. */
    if (reads && *request != &seen) {
        *request = &seen;
        return MHD_YES;
    }
    /* A body is read and dropped. */
    if (reads && *upload_size) {
        *upload_size = 0;
        return MHD_YES;
    }
    struct edition *edition = published_hold(h->snapshots);
    if (!edition)
        return MHD_NO;
    const struct snapshot *s = edition_value(edition);
    if (reads)
        answer(connection, url, s, &a);
    else
        say(&a, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD");
    enum MHD_Result result = send_answer(connection, &a, s);
    edition_release(&edition);
    return result;
}

/* MHD_NO closes the connection without an answer. */
static enum MHD_Result on_connection(void *cls, const struct sockaddr *from, socklen_t len)
{
    struct admin_http *h = cls;
    struct addr peer = addr_from_sockaddr(from);
    struct edition *edition = published_hold(h->snapshots);
    bool allowed = false;
    (void)len;
    if (edition) {
        const struct snapshot *s = edition_value(edition);
        for (size_t i = 0; i < s->allow.n && !allowed; i++)
            allowed = network_contains(&s->allow.items[i], &peer);
    }
    edition_release(&edition);
    return allowed ? MHD_YES : MHD_NO;
}

/* ---- life ---- */

struct admin_http *http_bind(const struct addr *at, struct err *err)
{
    struct addr bound;
    int fd = listener_bind(at, &bound, err);
    if (fd < 0)
        return NULL;
    struct admin_http *h = NEW(struct admin_http);
    *h = (struct admin_http){.asked = *at, .bound = bound, .fd = fd};
    return h;
}

int http_serve(struct admin_http *h, struct published *snapshots, struct err *err)
{
    sigset_t before;
    h->snapshots = snapshots;
    if (!h->visits)
        h->visits = visits_new();
    signals_block(&before);
    h->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | MHD_USE_ITC, 0, on_connection, h,
        on_request, h, MHD_OPTION_LISTEN_SOCKET, h->fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)SOCKETS, MHD_OPTION_NOTIFY_CONNECTION, on_come_and_go, h,
        MHD_OPTION_NOTIFY_COMPLETED, on_answered, h, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)SILENCE, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CAP_ADMIN_REQUEST,
        MHD_OPTION_END);
    signals_restore(&before);
    if (!h->daemon) {
        err_set(err, ERR_SYSTEM, "no thread could be started for HTTP");
        return -1;
    }
    h->fd = -1;
    return 0;
}

void http_expire(struct admin_http *h)
{
    if (h->visits)
        visits_expire(h->visits, monotonic());
}

bool http_is_serving(const struct admin_http *h)
{
    return h->daemon != NULL;
}

const struct addr *http_asked(const struct admin_http *h)
{
    return &h->asked;
}

const struct addr *http_address(const struct admin_http *h)
{
    return &h->bound;
}

void http_close(struct admin_http **http)
{
    struct admin_http *h = *http;
    *http = NULL;
    if (!h)
        return;
    if (h->daemon)
        MHD_stop_daemon(h->daemon);
    visits_free(&h->visits);
    if (h->fd >= 0)
        close(h->fd);
    free(h);
}
