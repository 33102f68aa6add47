/* io/http with a body that is read while it is sent: every octet once, in memory that does not grow
 * with it, and the truth about how far it went. */
#include <sys/resource.h>

#include "base/caps.h"
#include "io/http.h"
#include "io_http_server.h"

/* ---- the asker ---- */

struct world {
    struct smtp_server server;
    struct loop *loop;
    struct http *http;
};

/* A body of which each octet follows from its place. */
struct body {
    struct octets octets;
    /* From here on it cannot be read. */
    uint64_t torn;
    uint64_t most;
    int released;
};

struct result {
    int calls, status;
    bool sent;
    size_t len;
    char id[80];
    struct err err;
    struct http_request *request;
};

static unsigned char octet_at(uint64_t place)
{
    return (unsigned char)(place * 31 + place / 4093);
}

static bool read_body(void *ctx, uint64_t offset, char *out, size_t n)
{
    struct body *b = ctx;
    if (offset + n > b->torn)
        return false;
    for (size_t i = 0; i < n; i++)
        out[i] = (char)octet_at(offset + i);
    b->most = n > b->most ? n : b->most;
    return true;
}

static void on_release(void *ctx)
{
    ((struct body *)ctx)->released++;
}

static struct body body_of(uint64_t size)
{
    return (struct body){.octets = {.size = size, .read = read_body}, .torn = UINT64_MAX};
}

static uint64_t sum_of(uint64_t size)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < size; i++)
        sum += octet_at(i);
    return sum;
}

static void world_open(struct world *w)
{
    struct err err;
    setenv("SSL_CERT_FILE", authority_file, 1);
    server_start(&w->server, &sound);
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
    r->sent = http_was_sent(r->request);
    if (err)
        r->err = *err;
    else
        r->status = a->status;
    if (a)
        strcpy(r->id, a->id);
    if (a)
        r->len = a->body.len;
}

static bool is_answered(void *arg)
{
    return ((struct result *)arg)->calls > 0;
}

static bool is_released(void *arg)
{
    return ((struct body *)arg)->released > 0;
}

static struct http_ask ask_for(struct world *w, struct body *b, const char *path)
{
    static char url[200];
    snprintf(url, sizeof url, "https://localhost:%u%s", (unsigned)w->server.port, path);
    b->octets.ctx = b;
    return (struct http_ask){.url = url,
                             .stream = &b->octets,
                             .release = on_release,
                             .release_ctx = b,
                             .deadline = 600 * USEC_PER_SEC,
                             .route = {.family = ADDR_V4, .proxy = ""}};
}

static struct result send_to(struct world *w, struct body *b, const char *path)
{
    struct result r = {0};
    struct http_ask ask = ask_for(w, b, path);
    r.request = http_send(w->http, &ask, on_answer, &r);
    assert_int_equal(r.calls + b->released, 0);
    spin_until(w->loop, is_answered, &r);
    assert_int_equal(r.calls, 1);
    assert_int_equal(b->released, 1);
    return r;
}

/* ---- the tests ---- */

static void every_octet_goes_once(void **state)
{
    static const uint64_t sizes[] = {1, 65536, 1000001};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct world w;
        struct body b = body_of(sizes[i]);
        world_open(&w);
        struct result r = send_to(&w, &b, "/stream-whole");
        assert_int_equal(r.status, 202);
        assert_string_equal(r.id, "4711");
        assert_true(r.sent);
        assert_true(w.server.seen->octets == sizes[i]);
        assert_true(w.server.seen->sum == sum_of(sizes[i]));
        assert_false(says(w.server.seen->requests[0], "Transfer-Encoding"));
        assert_false(says(w.server.seen->requests[0], "Expect"));
        world_close(&w);
    }
}

static long peak_kilobytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void memory_does_not_grow_with_it(void **state)
{
    struct world w;
    struct body small = body_of(100000), large = body_of((uint64_t)64 << 20);
    (void)state;
    world_open(&w);
    assert_int_equal(send_to(&w, &small, "/stream-whole").status, 202);
    long before = peak_kilobytes();
    assert_int_equal(send_to(&w, &large, "/stream-whole").status, 202);
    assert_true(large.most <= 1 << 20);
#ifndef SANITIZED
    assert_true(peak_kilobytes() - before < 16 * 1024);
#endif
    assert_true(before > 0);
    world_close(&w);
}

static void lost_before_the_last_octet_and_after_it(void **state)
{
    struct world w;
    (void)state;
    world_open(&w);
    struct body large = body_of((uint64_t)64 << 20), whole = body_of(100000);
    struct result r = send_to(&w, &large, "/stream-cut");
    assert_int_not_equal(r.err.kind, ERR_NONE);
    assert_false(r.sent);
    r = send_to(&w, &whole, "/stream-lost");
    assert_int_not_equal(r.err.kind, ERR_NONE);
    assert_true(r.sent);
    assert_true(w.server.seen->sum > 0);
    world_close(&w);
}

static void an_answer_before_the_end_counts(void **state)
{
    struct world w;
    struct body b = body_of((uint64_t)8 << 20);
    (void)state;
    world_open(&w);
    assert_int_equal(send_to(&w, &b, "/stream-early").status, 413);
    world_close(&w);
}

/* "200" is the answer, whatever becomes of the rest. */
static void the_status_counts_although_the_rest_is_lost(void **state)
{
    static const char *const paths[] = {"/stream-half", "/stream-long", "/stream-header"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct world w;
        struct body b = body_of(1000);
        world_open(&w);
        struct result r = send_to(&w, &b, paths[i]);
        assert_int_equal(r.status, 200);
        assert_true(r.len <= CAP_HTTP_ANSWER);
        if (i == 0)
            assert_string_equal(r.id, "4712");
        world_close(&w);
    }
    /* That it is at work is none. */
    struct world w;
    struct body b = body_of(1000);
    world_open(&w);
    struct result r = send_to(&w, &b, "/stream-meanwhile");
    assert_int_equal(r.status, 0);
    assert_true(r.err.kind != ERR_NONE && r.sent);
    world_close(&w);
}

/* The server has all of it and dies: libcurl would send it once more, because the connection was an
 * old one. */
static void what_was_sent_whole_is_not_sent_again(void **state)
{
    struct world w;
    struct body first = body_of(1000), second = body_of(1000);
    (void)state;
    world_open(&w);
    assert_int_equal(send_to(&w, &first, "/stream-kept").status, 200);
    struct result r = send_to(&w, &second, "/stream-lost");
    assert_int_not_equal(r.err.kind, ERR_NONE);
    assert_true(r.sent);
    assert_non_null(strstr(r.err.words, "localhost: "));
    assert_int_equal(w.server.seen->n, 2);
    assert_true(w.server.seen->octets == 2000);
    world_close(&w);
}

static void nobody_there_is_nothing_sent(void **state)
{
    struct world w;
    struct body b = body_of(1000);
    (void)state;
    world_open(&w);
    kill(-w.server.pid, SIGKILL);
    waitpid(w.server.pid, NULL, 0);
    struct result r = send_to(&w, &b, "/stream-whole");
    assert_int_equal(r.err.kind, ERR_REFUSED);
    assert_false(r.sent);
    world_close(&w);
}

static void what_cannot_be_read_ends_it(void **state)
{
    struct world w;
    struct body b = body_of((uint64_t)8 << 20);
    (void)state;
    world_open(&w);
    b.torn = (uint64_t)4 << 20;
    struct result r = send_to(&w, &b, "/stream-whole");
    assert_int_equal(r.err.kind, ERR_SYSTEM);
    assert_non_null(strstr(r.err.words, "can not be read"));
    assert_false(r.sent);
    world_close(&w);
}

/* The body is lent until the thread has let go of it. */
static void cancelled_it_is_released_later(void **state)
{
    struct world w;
    struct body b = body_of((uint64_t)1 << 40);
    struct result r = {0};
    (void)state;
    world_open(&w);
    struct http_ask ask = ask_for(&w, &b, "/stream-whole");
    r.request = http_send(w.http, &ask, on_answer, &r);
    http_cancel(&r.request);
    assert_int_equal(b.released, 0);
    spin_until(w.loop, is_released, &b);
    assert_int_equal(b.released, 1);
    assert_int_equal(r.calls, 0);
    /* one that is under way at the end, too */
    struct body last = body_of((uint64_t)1 << 40);
    ask = ask_for(&w, &last, "/stream-whole");
    r.request = http_send(w.http, &ask, on_answer, &r);
    world_close(&w);
    assert_int_equal(last.released, 1);
    assert_int_equal(r.calls, 0);
}

static void http_2_is_offered(void **state)
{
    struct world w;
    struct body b = body_of(10);
    (void)state;
    world_open(&w);
    assert_int_equal(send_to(&w, &b, "/stream-whole").status, 202);
    assert_memory_equal(w.server.seen->protocols, "\2h2\10http/1.1", 12);
    world_close(&w);
}

int main(void)
{
    /* As in http_new: the test itself is the first to use OpenSSL. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_octet_goes_once),
        cmocka_unit_test(memory_does_not_grow_with_it),
        cmocka_unit_test(lost_before_the_last_octet_and_after_it),
        cmocka_unit_test(an_answer_before_the_end_counts),
        cmocka_unit_test(the_status_counts_although_the_rest_is_lost),
        cmocka_unit_test(what_was_sent_whole_is_not_sent_again),
        cmocka_unit_test(nobody_there_is_nothing_sent),
        cmocka_unit_test(what_cannot_be_read_ends_it),
        cmocka_unit_test(cancelled_it_is_released_later),
        cmocka_unit_test(http_2_is_offered),
    };
    return cmocka_run_group_tests(tests, make_authority, drop_authority);
}
