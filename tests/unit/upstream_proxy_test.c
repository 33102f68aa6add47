/* The way out through an HTTP CONNECT proxy: its address is dialled, the upstream's name is its
 * business, and its refusal is told in its own words. */
#include "upstream_world.h"

#include "sim/sim_net.h"

#define PROXY "10.0.0.9:3128"
#define THROUGH BASIC "proxy = http://10.0.0.9:3128\n"

struct bridge {
    struct sim_end *inside, *outside;
    char request[512];
    size_t len;
    bool answered;
};

struct fake_proxy {
    struct world *w;
    struct sim_listening *listening;
    struct bridge bridges[8];
    size_t n;
    /* instead of 200 */
    const char *refusal;
    bool silent;
    /* the last request */
    char asked[512];
};

static struct fake_proxy the_proxy;

static void pass(struct sim_end **from, struct sim_end **to)
{
    char bytes[4096];
    struct err err;
    while (*from && *to) {
        ssize_t n = sim_end_read(*from, bytes, sizeof bytes, &err);
        if (n == 0)
            return;
        /* the end of one is the end of both */
        if (n < 0) {
            sim_end_close(*from);
            sim_end_close(*to);
            *from = *to = NULL;
            return;
        }
        assert_int_equal(sim_end_write(*to, bytes, (size_t)n, &err), n);
    }
}

static void on_bytes(void *ctx)
{
    struct bridge *b = ctx;
    struct err err;
    if (b->outside && sim_end_connect_step(b->outside, &err) == TRANSPORT_AGAIN)
        return;
    pass(&b->inside, &b->outside);
    pass(&b->outside, &b->inside);
}

static void answer(struct bridge *b, const char *text)
{
    struct err err;
    assert_int_equal(sim_end_write(b->inside, text, strlen(text), &err), strlen(text));
}

static void on_request(void *ctx)
{
    struct bridge *b = ctx;
    struct err err;
    char host[256];
    unsigned port;
    struct addr to;
    ssize_t n = sim_end_read(b->inside, b->request + b->len, sizeof b->request - b->len - 1, &err);
    if (n < 0) {
        sim_end_close(b->inside);
        b->inside = NULL;
        return;
    }
    b->len += (size_t)n;
    if (the_proxy.silent || b->answered || !strstr(b->request, "\r\n\r\n"))
        return;
    b->answered = true;
    memcpy(the_proxy.asked, b->request, sizeof the_proxy.asked);
    assert_int_equal(sscanf(b->request, "CONNECT %255[^:]:%u", host, &port), 2);
    if (the_proxy.refusal) {
        answer(b, the_proxy.refusal);
        sim_end_finish(b->inside);
        return;
    }
    assert_true(addr_parse(slice_of(ADDRESS), &to));
    to.port = (uint16_t)port;
    b->outside = sim_connect(the_proxy.w->sim, &to, NULL, on_bytes, b);
    sim_end_set_owner(b->inside, on_bytes, b);
    answer(b, "HTTP/1.1 200 Connection established\r\n\r\n");
}

static void on_accepted(void *ctx, struct sim_end *e)
{
    struct bridge *b = &the_proxy.bridges[the_proxy.n++];
    (void)ctx;
    *b = (struct bridge){.inside = e};
    sim_end_set_owner(e, on_request, b);
    on_request(b);
}

static void begin(struct world *w)
{
    struct addr at;
    world_begin(w);
    /* this machine cannot resolve it, and need not */
    sim_name(w->sim, HOST, "");
    assert_true(addr_parse_with_port(slice_of(PROXY), &at));
    the_proxy =
        (struct fake_proxy){.w = w, .listening = sim_listen(w->sim, &at, on_accepted, NULL)};
}

static void end(struct world *w)
{
    sim_run_for(w->sim, 1 * S);
    accounts_free(&w->accounts);
    sim_run_for(w->sim, 10 * S);
    sim_listening_close(&the_proxy.listening);
    world_end(w);
}

static void the_upstream_is_reached_by_name(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w);
    /* TLS is a fact between two ends of the simulated world, and no bytes that a bridge could pass
     * on: so this one does without. */
    struct sim_upstream_script *s = world_server(&w, ADDRESS ":587");
    s->user = s->mechanisms = NULL;
    s->may_be_clear = true;
    world_load(&w, "[upstream]\nhost = " HOST "\ntls = off\nproxy = http://10.0.0.9:3128\n");
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.acquired);
    assert_int_equal(x.port, 587);
    assert_non_null(strstr(the_proxy.asked, "CONNECT " HOST ":587"));
    assert_int_equal(sim_name_questions(w.sim, HOST), 0);
    wish_return(&x);
    end(&w);
}

static void its_refusal_is_told_in_its_own_words(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w);
    the_proxy.refusal = "HTTP/1.1 403 Port not allowed\r\nContent-Length: 0\r\n\r\n";
    world_load(&w, THROUGH);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.refused);
    assert_string_equal(x.words, "587 proxy, 2525 proxy, 1025 proxy");
    assert_non_null(strstr(report_of(&w, 587)->words, "Port not allowed"));
    end(&w);
}

static void a_dead_or_silent_proxy_is_a_proxy_finding(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct world w;
        struct wish x;
        begin(&w);
        the_proxy.silent = how == 0;
        if (how)
            sim_path(w.sim, PROXY)->syn = how == 1 ? SIM_REFUSED : SIM_DROPPED;
        world_load(&w, THROUGH);
        wish_ask(&x, &w);
        assert_true(wish_wait(&x) <= 12 * S);
        assert_string_equal(x.words, "587 proxy, 2525 proxy, 1025 proxy");
        end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_upstream_is_reached_by_name),
        cmocka_unit_test(its_refusal_is_told_in_its_own_words),
        cmocka_unit_test(a_dead_or_silent_proxy_is_a_proxy_finding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
