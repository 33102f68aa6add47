/* io/http over real sockets: a small HTTPS server in a process of its own, whose path says how
 * it behaves. */
#include <dlfcn.h>
#include <netdb.h>
#include <openssl/crypto.h>
#include <semaphore.h>
#include <signal.h>

#include "base/caps.h"
#include "io/http.h"
#include "io_http_server.h"

/* ---- the asker ---- */

struct world {
    struct smtp_server server;
    struct loop *loop;
    struct http *http;
};

struct result {
    int calls, status;
    char body[200];
    size_t len;
    int64_t date, retry_after;
    char id[80];
    struct err err;
};

static void world_open(struct world *w, const struct certificate *c)
{
    struct err err;
    server_start(&w->server, c);
    w->loop = new_loop();
    w->http = http_new(w->loop, &err);
    assert_non_null(w->http);
}

static void world_close(struct world *w)
{
    http_free(&w->http);
    loop_free(&w->loop);
    server_stop(&w->server);
}

static void on_answer(void *ctx, const struct http_answer *a, const struct err *err)
{
    struct result *r = ctx;
    r->calls++;
    if (!a) {
        r->err = *err;
        return;
    }
    r->status = a->status;
    r->len = a->body.len;
    snprintf(r->body, sizeof r->body, "%s", a->body.data);
    r->date = a->date;
    r->retry_after = a->retry_after;
    strcpy(r->id, a->id);
}

static bool is_answered(void *arg)
{
    return ((struct result *)arg)->calls > 0;
}

static struct http_ask ask_for(struct world *w, const char *path)
{
    static char url[200];
    snprintf(url, sizeof url, "https://localhost:%u%s", (unsigned)w->server.port, path);
    return (struct http_ask){.url = url,
                             .deadline = 600 * USEC_PER_SEC,
                             .route = {.ca_file = authority_file, .family = ADDR_V4, .proxy = ""}};
}

static struct result send_and_wait(struct world *w, const struct http_ask *ask)
{
    struct result r = {0};
    assert_non_null(http_send(w->http, ask, on_answer, &r));
    assert_int_equal(r.calls, 0);
    spin_until(w->loop, is_answered, &r);
    spin_some(w->loop);
    assert_int_equal(r.calls, 1);
    return r;
}

static struct result get(struct world *w, const char *path)
{
    struct http_ask ask = ask_for(w, path);
    return send_and_wait(w, &ask);
}

/* ---- the tests ---- */

static void a_post_and_its_answer(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, &sound);
    const char *headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
    struct http_ask ask = ask_for(&w, "/ok");
    struct secret *body = secret_new(slice_of("grant_type=refresh_token&x=%26"));
    ask.headers = headers;
    ask.body = body;
    struct result r = send_and_wait(&w, &ask);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "hello");
    assert_int_equal(r.retry_after, 60);
    const char *request = w.server.seen->requests[0];
    assert_true(says(request, "POST /ok HTTP/1.1\r\n"));
    assert_true(says(request, "Content-Type: application/x-www-form-urlencoded\r\n"));
    assert_true(says(request, "\r\n\r\ngrant_type=refresh_token&x=%26"));
    assert_false(says(request, "Expect"));
    secret_free(&body);
    world_close(&w);
}

static void what_the_header_says(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, &sound);
    struct result r = get(&w, "/busy");
    assert_int_equal(r.status, 429);
    assert_int_equal(r.date, 1795939200);
    assert_int_equal(r.retry_after, 90);
    assert_string_equal(r.id, "one?two");
    assert_int_equal(get(&w, "/ok").date, 0);
    /* the older forms, and none */
    r = get(&w, "/rfc850");
    assert_int_equal(r.date, 1795939200);
    assert_int_equal(r.retry_after, 120);
    assert_int_equal(get(&w, "/undated").date, 0);
    world_close(&w);
}

static void redirects_are_not_followed(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, &sound);
    assert_int_equal(get(&w, "/redirect").status, 302);
    assert_int_equal(w.server.seen->n, 1);
    world_close(&w);
}

static void an_answer_has_a_cap(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, &sound);
    assert_int_equal(get(&w, "/fits").len, CAP_HTTP_ANSWER);
    struct result r = get(&w, "/long");
    assert_int_equal(r.err.kind, ERR_LIMIT);
    assert_non_null(strstr(r.err.words, "localhost: the answer is too long"));
    r = get(&w, "/header");
    assert_int_equal(r.err.kind, ERR_LIMIT);
    assert_non_null(strstr(r.err.words, "the header of the answer"));
    world_close(&w);
}

static void what_is_no_answer(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, &sound);
    assert_int_equal(get(&w, "/half").err.kind, ERR_CLOSED);
    assert_int_equal(get(&w, "/garbage").err.kind, ERR_PROTOCOL);
    struct http_ask ask = ask_for(&w, "/never");
    ask.deadline = 100 * USEC_PER_MS;
    assert_int_equal(send_and_wait(&w, &ask).err.kind, ERR_TIMEOUT);
    world_close(&w);
    server_start(&w.server, &sound);
    uint16_t closed = w.server.port;
    server_stop(&w.server);
    world_open(&w, &sound);
    w.server.port = closed;
    assert_int_equal(get(&w, "/ok").err.kind, ERR_REFUSED);
    world_close(&w);
}

static struct result get_from(const struct certificate *c)
{
    struct world w;
    world_open(&w, c);
    struct result r = get(&w, "/ok");
    assert_int_equal(w.server.seen->n, r.err.kind == ERR_NONE);
    world_close(&w);
    return r;
}

static void the_server_is_verified(void **state)
{
    (void)state;
    const struct certificate wrong = {
        .names = "DNS:other.test", .common_name = "localhost", .from = -1, .until = 1};
    const struct certificate early = {
        .names = "DNS:localhost", .common_name = "token", .from = 1, .until = 2};
    const struct certificate late = {
        .names = "DNS:localhost", .common_name = "token", .from = -2, .until = -1};
    const struct certificate self = {.names = "DNS:localhost",
                                     .common_name = "token",
                                     .from = -1,
                                     .until = 1,
                                     .self_signed = true};
    assert_int_equal(get_from(&sound).status, 200);
    assert_int_equal(get_from(&wrong).err.kind, ERR_CERTIFICATE);
    assert_int_equal(get_from(&self).err.kind, ERR_CERTIFICATE);
    struct result r = get_from(&early);
    assert_int_equal(r.err.kind, ERR_CERTIFICATE);
    assert_non_null(strstr(r.err.words, "not valid yet (is our clock right?)"));
    assert_non_null(strstr(get_from(&late).err.words, "has expired"));
}

/* An account's own authority is its own: it is in no cache, on no pooled connection of
 * another's. */
static void trust_is_not_shared(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, &sound);
    struct http_ask ask = ask_for(&w, "/ok");
    assert_int_equal(send_and_wait(&w, &ask).status, 200);
    ask.route.ca_file = NULL;
    assert_int_equal(send_and_wait(&w, &ask).err.kind, ERR_CERTIFICATE);
    ask.route.ca_file = authority_file;
    assert_int_equal(send_and_wait(&w, &ask).status, 200);
    ask.route.ca_file = "/nonexistent/ca.pem";
    struct result r = send_and_wait(&w, &ask);
    assert_non_null(strstr(r.err.words, "tls_ca"));
    world_close(&w);
    setenv("SSL_CERT_FILE", authority_file, 1);
    world_open(&w, &sound);
    ask = ask_for(&w, "/ok");
    ask.route.ca_file = NULL;
    assert_int_equal(send_and_wait(&w, &ask).status, 200);
    unsetenv("SSL_CERT_FILE");
    world_close(&w);
}

static void only_https_and_http_to_this_machine(void **state)
{
    static const char *const bad[] = {"http://192.0.2.1/",
                                      "http://token.test/",
                                      "ftp://localhost/",
                                      "file:///etc/passwd",
                                      "nonsense",
                                      "http://127.0.0.1@token.test/",
                                      "",
                                      "https://user:word@localhost/"};
    struct world w;
    char url[100];
    (void)state;
    world_open(&w, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct http_ask ask = {.url = bad[i], .route.proxy = ""};
        struct result r = send_and_wait(&w, &ask);
        assert_int_not_equal(r.err.kind, ERR_NONE);
        assert_null(strstr(r.err.words, "word"));
    }
    for (int i = 0; i < 2; i++) {
        snprintf(url, sizeof url, "http://%s:%u/ok", i ? "127.0.0.1" : "localhost",
                 (unsigned)w.server.port);
        struct http_ask ask = {.url = url, .route.family = ADDR_V4};
        assert_int_equal(send_and_wait(&w, &ask).status, 200);
    }
    world_close(&w);
}

/* The plain server takes the part of a proxy, and is seen to be asked for a tunnel. */
static void the_way_there(void **state)
{
    struct world w;
    struct smtp_server proxy;
    char proxy_url[64];
    (void)state;
    server_start(&proxy, NULL);
    snprintf(proxy_url, sizeof proxy_url, "http://127.0.0.1:%u", (unsigned)proxy.port);
    world_open(&w, &sound);
    struct http_ask ask = ask_for(&w, "/ok");
    struct secret *word = secret_new(slice_of("sesame"));
    ask.route.proxy = proxy_url;
    ask.route.proxy_user = "me";
    ask.route.proxy_password = word;
    send_and_wait(&w, &ask);
    assert_true(says(proxy.seen->requests[0], "CONNECT localhost:"));
    assert_true(says(proxy.seen->requests[0], "Basic bWU6c2VzYW1l"));
    ask = ask_for(&w, "/ok");
    setenv("HTTPS_PROXY", proxy_url, 1);
    ask.route.proxy = NULL;
    send_and_wait(&w, &ask);
    assert_int_equal(proxy.seen->n, 2);
    setenv("NO_PROXY", "localhost", 1);
    assert_int_equal(send_and_wait(&w, &ask).status, 200);
    unsetenv("NO_PROXY");
    ask.route.proxy = "";
    assert_int_equal(send_and_wait(&w, &ask).status, 200);
    unsetenv("HTTPS_PROXY");
    assert_true(addr_parse(slice_of("127.0.0.77"), &ask.route.source));
    assert_int_equal(send_and_wait(&w, &ask).status, 200);
    assert_string_equal(w.server.seen->peers[2], "127.0.0.77");
    assert_int_equal(proxy.seen->n, 2);
    secret_free(&word);
    server_stop(&proxy);
    world_close(&w);
}

static void a_hundred_dead_endpoints_hold_up_nobody(void **state)
{
    enum { DEAD = 100 };
    struct world w;
    struct result dead[DEAD];
    struct http_request *requests[DEAD];
    (void)state;
    world_open(&w, &sound);
    memset(dead, 0, sizeof dead);
    struct http_ask ask = ask_for(&w, "/never");
    for (int i = 0; i < DEAD; i++)
        requests[i] = http_send(w.http, &ask, on_answer, &dead[i]);
    assert_int_equal(get(&w, "/ok").status, 200);
    for (int i = 0; i < DEAD; i++) {
        assert_int_equal(dead[i].calls, 0);
        http_cancel(&requests[i]);
    }
    assert_int_equal(get(&w, "/ok").status, 200);
    for (int i = 0; i < DEAD; i++)
        assert_int_equal(dead[i].calls, 0);
    world_close(&w);
}

/* Takes the place of libc's for libcurl, too: one name is asked of a resolver that hangs. */
static sem_t resolver_wakes, resolver_left;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (node && strcmp(node, "hangs.test") == 0) {
        sem_wait(&resolver_wakes);
        sem_post(&resolver_left);
        return EAI_AGAIN;
    }
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, out);
}

static void a_resolver_that_hangs_holds_up_nobody(void **state)
{
    struct world w;
    (void)state;
    sem_init(&resolver_wakes, 0, 0);
    sem_init(&resolver_left, 0, 0);
    world_open(&w, &sound);
    struct http_ask ask = ask_for(&w, "/ok");
    ask.url = "https://hangs.test/";
    ask.deadline = 100 * USEC_PER_MS;
    assert_int_equal(send_and_wait(&w, &ask).err.kind, ERR_TIMEOUT);
    /* while it still hangs */
    assert_int_equal(get(&w, "/ok").status, 200);
    world_close(&w);
    sem_post(&resolver_wakes);
    sem_wait(&resolver_left);
}

static void too_many_are_refused(void **state)
{
    struct world w;
    struct result r = {0}, last = {0};
    (void)state;
    world_open(&w, &sound);
    struct http_ask ask = ask_for(&w, "/never");
    for (int i = 0; i < CAP_HTTP_REQUESTS; i++)
        http_send(w.http, &ask, on_answer, &r);
    http_send(w.http, &ask, on_answer, &last);
    spin_until(w.loop, is_answered, &last);
    assert_int_equal(last.err.kind, ERR_LIMIT);
    assert_int_equal(r.calls, 0);
    /* with all of them under way */
    world_close(&w);
}

/* ---- what is left ---- */

/* Whether the octets stand anywhere in private memory that can be written. Not asked under a
 * sanitizer, whose shadow is endless. */
static bool memory_holds(const char *text)
{
    bool found = false;
#ifndef SANITIZED
    char line[512], kind[8];
    unsigned long from, to;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx %7s", &from, &to, kind) == 3 && strcmp(kind, "rw-p") == 0 &&
            !strstr(line, "[stack]"))
            found = found || memmem((const void *)from, to - from, text, strlen(text)) != NULL;
    fclose(maps);
#else
    (void)text;
#endif
    return found;
}

static void what_was_sent_is_wiped(void **state)
{
    struct world w;
    struct result r = {0};
    char text[24];
    (void)state;
    world_open(&w, &sound);
    memset(text, 'q', 23);
    text[23] = 0;
    struct secret *body = secret_new(slice_of(text));
    struct http_ask ask = ask_for(&w, "/ok");
    ask.body = body;
    r = send_and_wait(&w, &ask);
    assert_int_equal(r.status, 200);
    assert_true(says(w.server.seen->requests[0], text));
    secret_free(&body);
    assert_false(memory_holds(text));
    world_close(&w);
}

int main(void)
{
    /* As in http_new: the test itself is the first to use OpenSSL. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_post_and_its_answer),
        cmocka_unit_test(what_the_header_says),
        cmocka_unit_test(redirects_are_not_followed),
        cmocka_unit_test(an_answer_has_a_cap),
        cmocka_unit_test(what_is_no_answer),
        cmocka_unit_test(the_server_is_verified),
        cmocka_unit_test(trust_is_not_shared),
        cmocka_unit_test(only_https_and_http_to_this_machine),
        cmocka_unit_test(the_way_there),
        cmocka_unit_test(a_hundred_dead_endpoints_hold_up_nobody),
        cmocka_unit_test(a_resolver_that_hangs_holds_up_nobody),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(what_was_sent_is_wiped),
    };
    return cmocka_run_group_tests(tests, make_authority, drop_authority);
}
