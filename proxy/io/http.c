#include "io/http.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/caps.h"
#include "base/mem.h"
#include "io/http_internal.h"
#include "io/loop_ev.h"
#include "io/thread.h"

/* MOMENT_MS is how long http_free waits for the thread. */
enum { MOMENT_MS = 300, IDLE_MS = 60000 };

struct http {
    struct loop *loop;
    ev_async finished;
    CURLM *multi;
    /* The file of the system's certificate authorities. */
    char *authorities;
    pthread_t thread;
    bool has_thread;
    /* The number of requests that are not freed yet. Belongs to the loop. */
    size_t living;
    /* Requests that failed before they began. Belongs to the loop. */
    struct link stillborn;
    struct deferred tell_stillborn;
    /* Belongs to the thread. */
    struct link running;
    /* Guards the fields below. */
    pthread_mutex_t lock;
    struct link fresh, done;
    bool closing;
    struct http *abandoned_before;
};

/* The last one whose thread did not end in time. It lives until the process ends. */
static struct http *abandoned;

/* ---- memory ---- */

/* The library libcurl copies headers, bodies and passwords into its own buffers and frees them
 * without wiping. So every block is wiped here. */
static void wipe_free(void *p)
{
    if (p)
        secret_erase(p, malloc_usable_size(p));
    free(p);
}

static void *wipe_realloc(void *p, size_t n)
{
    size_t old = p ? malloc_usable_size(p) : 0;
    void *fresh = malloc(n ? n : 1);
    if (!fresh)
        return NULL;
    if (p)
        memcpy(fresh, p, old < n ? old : n);
    wipe_free(p);
    return fresh;
}

/* ---- the thread ---- */

static void take_fresh(struct http *h)
{
    pthread_mutex_lock(&h->lock);
    while (!link_is_alone(&h->fresh)) {
        struct http_request *r = CONTAINER(h->fresh.next, struct http_request, link);
        link_remove(&r->link);
        list_push_back(&h->running, &r->link);
        curl_multi_add_handle(h->multi, r->easy);
    }
    pthread_mutex_unlock(&h->lock);
}

static void hand_back(struct http *h, struct http_request *r)
{
    curl_multi_remove_handle(h->multi, r->easy);
    pthread_mutex_lock(&h->lock);
    link_remove(&r->link);
    list_push_back(&h->done, &r->link);
    if (!h->closing)
        ev_async_send(loop_ev(h->loop), &h->finished);
    pthread_mutex_unlock(&h->lock);
}

static void give_up_cancelled(struct http *h)
{
    LIST_EACH (&h->running, it) {
        struct http_request *r = CONTAINER(it, struct http_request, link);
        if (atomic_load(&r->cancelled))
            hand_back(h, r);
    }
}

static void collect(struct http *h)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(h->multi, &left)) != NULL) {
        void *mine = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &mine);
        http_transfer_judge(mine, code);
        hand_back(h, mine);
    }
}

static bool is_closing(struct http *h)
{
    pthread_mutex_lock(&h->lock);
    bool closing = h->closing;
    pthread_mutex_unlock(&h->lock);
    return closing;
}

static void *serve(void *arg)
{
    struct http *h = arg;
    int running;
    while (!is_closing(h)) {
        take_fresh(h);
        give_up_cancelled(h);
        curl_multi_perform(h->multi, &running);
        collect(h);
        if (!is_closing(h))
            curl_multi_poll(h->multi, NULL, 0, IDLE_MS, NULL);
    }
    LIST_EACH (&h->running, it)
        hand_back(h, CONTAINER(it, struct http_request, link));
    return NULL;
}

static bool start_thread(struct http *h)
{
    if (!h->has_thread)
        h->has_thread = thread_start(&h->thread, serve, h) == 0;
    return h->has_thread;
}

/* ---- the loop ---- */

static void request_free(struct http_request *r)
{
    void (*release)(void *ctx) = r->release;
    void *ctx = r->release_ctx;
    r->http->living--;
    http_transfer_clear(r);
    free(r);
    if (release)
        release(ctx);
}

static void tell(struct http_request *r)
{
    bool failed = r->err.kind != ERR_NONE;
    http_fn *fn = r->fn;
    if (fn)
        fn(r->ctx, failed ? NULL : &r->answer, failed ? &r->err : NULL);
    request_free(r);
}

static void on_finished(struct ev_loop *ev, ev_async *watcher, int events)
{
    struct http *h = CONTAINER(watcher, struct http, finished);
    (void)ev;
    (void)events;
    for (;;) {
        struct http_request *r = NULL;
        pthread_mutex_lock(&h->lock);
        if (!link_is_alone(&h->done)) {
            r = CONTAINER(h->done.next, struct http_request, link);
            link_remove(&r->link);
        }
        pthread_mutex_unlock(&h->lock);
        if (!r)
            return;
        tell(r);
    }
}

static void on_stillborn(void *arg)
{
    struct http *h = arg;
    while (!link_is_alone(&h->stillborn)) {
        struct http_request *r = CONTAINER(h->stillborn.next, struct http_request, link);
        link_remove(&r->link);
        tell(r);
    }
}

static int start_curl(struct err *err)
{
    /* A thread that a resolver holds up may outlive main: OpenSSL must not be taken apart under it
     * when the process ends. It heeds this only before its first use. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wipe_free, wipe_realloc, strdup,
                             calloc) == 0)
        return 0;
    err_set(err, ERR_SYSTEM, "libcurl cannot be initialised");
    return -1;
}

static char *find_authorities(void)
{
    const char *named = getenv(X509_get_default_cert_file_env());
    const char *built_in = curl_version_info(CURLVERSION_NOW)->cainfo;
    return mem_string(named && *named ? named : built_in ? built_in : X509_get_default_cert_file());
}

struct http *http_new(struct loop *loop, struct err *err)
{
    if (start_curl(err) < 0)
        return NULL;
    struct http *h = NEW(struct http);
    h->loop = loop;
    h->multi = curl_multi_init();
    if (!h->multi) {
        err_set(err, ERR_SYSTEM, "libcurl cannot be initialised");
        free(h);
        return NULL;
    }
    h->authorities = find_authorities();
    link_init(&h->stillborn);
    link_init(&h->running);
    link_init(&h->fresh);
    link_init(&h->done);
    deferred_init(&h->tell_stillborn, on_stillborn, h);
    pthread_mutex_init(&h->lock, NULL);
    ev_async_init(&h->finished, on_finished);
    ev_async_start(loop_ev(loop), &h->finished);
    return h;
}

static void fail_early(struct http *h, struct http_request *r)
{
    list_push_back(&h->stillborn, &r->link);
    loop_defer(h->loop, &h->tell_stillborn);
}

struct http_request *http_send(struct http *h, const struct http_ask *ask, http_fn *fn, void *ctx)
{
    struct http_request *r = NEW(struct http_request);
    link_init(&r->link);
    r->http = h;
    r->fn = fn;
    r->ctx = ctx;
    r->release = ask->release;
    r->release_ctx = ask->release_ctx;
    buf_init(&r->received, ask->cap ? ask->cap : CAP_HTTP_ANSWER);
    if (h->living++ >= CAP_HTTP_REQUESTS)
        err_set(&r->err, ERR_LIMIT, "%d requests are under way", CAP_HTTP_REQUESTS);
    else
        http_transfer_prepare(r, ask, h->authorities);
    if (r->easy && !start_thread(h))
        err_set(&r->err, ERR_SYSTEM, "the system gives no thread");
    if (r->err.kind != ERR_NONE) {
        fail_early(h, r);
        return r;
    }
    pthread_mutex_lock(&h->lock);
    list_push_back(&h->fresh, &r->link);
    pthread_mutex_unlock(&h->lock);
    curl_multi_wakeup(h->multi);
    return r;
}

bool http_was_sent(const struct http_request *r)
{
    return r->sent_whole;
}

void http_cancel(struct http_request **request)
{
    struct http_request *r = *request;
    *request = NULL;
    if (!r)
        return;
    r->fn = NULL;
    atomic_store(&r->cancelled, true);
    curl_multi_wakeup(r->http->multi);
}

static void free_all(struct link *list)
{
    while (!link_is_alone(list)) {
        struct http_request *r = CONTAINER(list->next, struct http_request, link);
        link_remove(&r->link);
        request_free(r);
    }
}

/* Returns true if the thread has ended or never ran. */
static bool stop_thread(struct http *h)
{
    struct timespec until;
    if (!h->has_thread)
        return true;
    pthread_mutex_lock(&h->lock);
    h->closing = true;
    pthread_mutex_unlock(&h->lock);
    curl_multi_wakeup(h->multi);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += MOMENT_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    if (pthread_timedjoin_np(h->thread, NULL, &until) == 0)
        return true;
    pthread_detach(h->thread);
    return false;
}

void http_free(struct http **http)
{
    struct http *h = *http;
    *http = NULL;
    if (!h)
        return;
    deferred_cancel(&h->tell_stillborn);
    bool ended = stop_thread(h);
    ev_async_stop(loop_ev(h->loop), &h->finished);
    free_all(&h->stillborn);
    if (!ended) {
        h->abandoned_before = abandoned;
        abandoned = h;
        return;
    }
    free_all(&h->fresh);
    free_all(&h->done);
    curl_multi_cleanup(h->multi);
    pthread_mutex_destroy(&h->lock);
    free(h->authorities);
    free(h);
    curl_global_cleanup();
}
