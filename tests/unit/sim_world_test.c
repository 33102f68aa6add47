/* The simulated world itself: what a stream sees of latency, order, FIN, RST, black holes, partial writes and TLS verdicts, and that
 * the same seed gives the same trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/dns.h"
#include "io/files.h"
#include "io/listener.h"
#include "io/netwatch.h"
#include "io/process.h"
#include "io/stream.h"
#include "sim/sim.h"
#include "sim/sim_net.h"

static const struct stream_caps caps = {16384, 1024 * 1024};
static const char place[] = "192.0.2.1:587";

/* A stream that keeps what it sees. */
struct seen {
    struct sim *sim;
    struct stream *s;
    char events[200]; /* one letter each: C S I L E F */
    char text[70000];
    size_t len;
    usec when; /* of the last event */
};

static void note(void *ctx, struct stream *s, enum stream_event event)
{
    struct seen *seen = ctx;
    size_t n = strlen(seen->events);
    if (n + 1 < sizeof seen->events)
        seen->events[n] = "CSILEF"[event];
    seen->when = sim_now(seen->sim);
    struct slice view = stream_view(s);
    if (event == STREAM_INPUT && seen->len + view.len < sizeof seen->text) {
        memcpy(seen->text + seen->len, view.data, view.len);
        seen->len += view.len;
        stream_consume(s, view.len);
    }
}

/* A scripted peer that says something at once and keeps what it hears. */
struct peer {
    struct sim *sim;
    struct sim_end *end;
    struct sim_listening *listening;
    const char *greeting;
    struct sim_tls_server tls;
    bool wants_tls, secured, closed;
    char heard[200000];
    size_t len;
    enum err_kind ended;
};

static void peer_wakes(void *ctx)
{
    struct peer *p = ctx;
    struct err err;
    if (p->wants_tls && !p->secured) {
        if (sim_end_handshake(p->end, &err) != TRANSPORT_DONE)
            return;
        p->secured = true;
    }
    for (ssize_t n;;) {
        n = sim_end_read(p->end, p->heard + p->len, sizeof p->heard - p->len, &err);
        if (n < 0)
            p->ended = err.kind;
        if (n <= 0)
            return;
        p->len += (size_t)n;
    }
}

static void peer_accepts(void *ctx, struct sim_end *e)
{
    struct peer *p = ctx;
    struct err err;
    p->end = e;
    sim_end_set_owner(e, peer_wakes, p);
    if (p->wants_tls)
        sim_end_tls_as_server(e, &p->tls);
    if (p->greeting)
        assert_int_equal(sim_end_write(e, p->greeting, strlen(p->greeting), &err), strlen(p->greeting));
}

struct fixture {
    struct sim *sim;
    struct seen seen;
    struct peer peer;
};

static struct addr at(const char *text)
{
    struct addr a;
    assert_true(addr_parse_with_port(slice_of(text), &a));
    return a;
}

static void set_up(struct fixture *f, uint64_t seed)
{
    memset(f, 0, sizeof *f);
    f->sim = f->seen.sim = f->peer.sim = sim_new(seed);
    struct addr a = at(place);
    f->peer.listening = sim_listen(f->sim, &a, peer_accepts, &f->peer);
}

static void dial(struct fixture *f)
{
    struct err err;
    struct addr a = at(place);
    f->seen.s = stream_connect(sim_loop(f->sim), &a, NULL, caps, note, &f->seen, &err);
    assert_non_null(f->seen.s);
}

static void tear_down(struct fixture *f)
{
    stream_close(&f->seen.s);
    if (f->peer.end)
        sim_end_close(f->peer.end);
    sim_run_for(f->sim, USEC_PER_SEC);
    assert_int_equal(sim_living(f->sim).transports, 0);
    assert_int_equal(sim_living(f->sim).timers, 0);
    assert_int_equal(sim_conn_open_ends(f->sim), 0);
    sim_free(&f->sim);
}

static void latency_counts_both_ways(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 1);
    sim_path(f.sim, place)->latency = 50 * USEC_PER_MS;
    f.peer.greeting = "220 hello\r\n";
    usec start = sim_now(f.sim);
    dial(&f);
    sim_run_for(f.sim, 99 * USEC_PER_MS);
    assert_string_equal(f.seen.events, "");
    sim_run_for(f.sim, 1 * USEC_PER_MS);
    assert_string_equal(f.seen.events, "C");
    sim_run_for(f.sim, 101 * USEC_PER_MS);
    assert_string_equal(f.seen.events, "CI");
    assert_int_equal(f.seen.when - start, 200 * USEC_PER_MS);
    assert_string_equal(f.seen.text, "220 hello\r\n");
    tear_down(&f);
}

static void bytes_keep_their_order_when_shredded(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 7);
    struct sim_path *p = sim_path(f.sim, place);
    p->shred = true;
    p->jitter = 20 * USEC_PER_MS;
    p->segment = 50;
    p->window = 700;
    dial(&f);
    sim_run_for(f.sim, USEC_PER_SEC);
    char sent[60000];
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (char)(i * 31 >> 3);
    assert_true(stream_write(f.seen.s, sent, sizeof sent));
    sim_run_for(f.sim, 10 * USEC_PER_MS);
    assert_true(stream_queued(f.seen.s) > 50000); /* the window is small: the writes were partial */
    sim_run_for(f.sim, 60 * USEC_PER_SEC);
    assert_int_equal(f.peer.len, sizeof sent);
    assert_memory_equal(f.peer.heard, sent, sizeof sent);
    assert_int_equal(stream_queued(f.seen.s), 0);
    assert_non_null(strchr(f.seen.events, 'L'));
    tear_down(&f);
}

static void the_end_comes_after_the_bytes(void **state)
{
    (void)state;
    struct fixture f;
    struct err err;
    set_up(&f, 2);
    f.peer.greeting = "421 bye\r\n";
    dial(&f);
    sim_run_for(f.sim, 12 * USEC_PER_MS);
    sim_run_for(f.sim, 4 * USEC_PER_MS);
    sim_end_finish(f.peer.end);
    sim_run_for(f.sim, USEC_PER_SEC);
    assert_string_equal(f.seen.events, "CIE");
    assert_true(stream_write(f.seen.s, "still here", 10)); /* half closed: the other way is open */
    sim_run_for(f.sim, USEC_PER_SEC);
    assert_int_equal(f.peer.len, 10);
    assert_int_equal(sim_end_write(f.peer.end, "x", 1, &err), -1);
    stream_close(&f.seen.s);
    sim_run_for(f.sim, USEC_PER_SEC);
    assert_int_equal(f.peer.ended, ERR_CLOSED);
    tear_down(&f);
}

static void a_reset_ends_the_stream(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 3);
    f.peer.greeting = "220 x\r\n";
    dial(&f);
    sim_run_for(f.sim, USEC_PER_SEC);
    sim_end_reset(f.peer.end);
    sim_run_for(f.sim, USEC_PER_SEC);
    assert_string_equal(f.seen.events, "CIF");
    assert_int_equal(stream_error(f.seen.s)->kind, ERR_RESET);
    assert_false(stream_write(f.seen.s, "x", 1));
    tear_down(&f);
}

static void closing_with_unread_input_resets(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 3);
    dial(&f);
    sim_run_for(f.sim, USEC_PER_SEC);
    sim_end_set_owner(f.peer.end, NULL, NULL); /* reads no more */
    assert_true(stream_write(f.seen.s, "unread", 6));
    sim_run_for(f.sim, USEC_PER_SEC);
    sim_end_close(f.peer.end);
    sim_run_for(f.sim, USEC_PER_SEC);
    assert_string_equal(f.seen.events, "CF");
    tear_down(&f);
}

static void connects_fail_each_in_its_way(void **state)
{
    (void)state;
    static const struct {
        enum sim_syn syn;
        enum err_kind kind;
        usec after;
    } ways[] = {{SIM_REFUSED, ERR_REFUSED, 10 * USEC_PER_MS},
                {SIM_DROPPED, ERR_TIMEOUT, 127 * USEC_PER_SEC},
                {SIM_UNREACHABLE, ERR_UNREACHABLE, 5 * USEC_PER_MS}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct fixture f;
        set_up(&f, 4);
        sim_path(f.sim, place)->syn = ways[i].syn;
        usec start = sim_now(f.sim);
        dial(&f);
        sim_run_for(f.sim, 200 * USEC_PER_SEC);
        assert_string_equal(f.seen.events, "F");
        assert_int_equal(stream_error(f.seen.s)->kind, ways[i].kind);
        assert_int_equal(f.seen.when - start, ways[i].after);
        tear_down(&f);
    }
}

static void nobody_listens(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 4);
    sim_listening_close(&f.peer.listening);
    dial(&f);
    sim_run_for(f.sim, USEC_PER_SEC);
    assert_int_equal(stream_error(f.seen.s)->kind, ERR_REFUSED);
    tear_down(&f);
}

static void a_hole_swallows_what_comes_after(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 5);
    sim_path(f.sim, place)->hole_up = 10;
    dial(&f);
    sim_run_for(f.sim, USEC_PER_SEC);
    assert_true(stream_write(f.seen.s, "0123456789abcdef", 16));
    sim_run_for(f.sim, USEC_PER_SEC);
    assert_int_equal(f.peer.len, 10);
    stream_close(&f.seen.s);
    sim_run_for(f.sim, USEC_PER_SEC);
    assert_int_equal(f.peer.ended, ERR_NONE); /* not even the end got through */
    tear_down(&f);
}

static void a_reset_on_the_way_hits_both(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 5);
    sim_path(f.sim, place)->reset_up = 10;
    dial(&f);
    sim_run_for(f.sim, USEC_PER_SEC);
    assert_true(stream_write(f.seen.s, "0123456789abcdef", 16));
    sim_run_for(f.sim, USEC_PER_SEC);
    assert_int_equal(f.peer.len, 10);
    assert_int_equal(f.peer.ended, ERR_RESET);
    assert_string_equal(f.seen.events, "CF");
    tear_down(&f);
}

/* ---- TLS ---- */

static const struct sim_tls_server honest = {
    .certificate = {.names = "mail.example.com *.example.net", .issuer = "public"}, .newest = TLS_V1_3, .oldest = TLS_V1_2};

/* Runs a handshake against the peer; gives the facts' fault, or leaves the stream failed. */
static void handshake(struct fixture *f, const struct sim_tls_server *server, const struct tls_client_settings *settings)
{
    struct err err;
    f->peer.wants_tls = true;
    f->peer.tls = *server;
    dial(f);
    sim_run_for(f->sim, 15 * USEC_PER_MS);
    struct tls_context *ctx = tls_context_client(settings, &err);
    assert_non_null(ctx);
    assert_int_equal(stream_start_tls(f->seen.s, ctx, false, "key", &err), 0);
    tls_context_unref(&ctx);
    sim_run_for(f->sim, USEC_PER_SEC);
}

static void tls_takes_its_round_trips(void **state)
{
    (void)state;
    for (int version = TLS_V1_2; version <= TLS_V1_3; version++) {
        struct fixture f;
        set_up(&f, 6);
        struct sim_tls_server server = honest;
        server.newest = (enum tls_version)version;
        struct tls_client_settings settings = {.verify = true, .name = "mail.example.com", .min = TLS_V1_2};
        usec start = sim_now(f.sim) + 15 * USEC_PER_MS;
        handshake(&f, &server, &settings);
        assert_string_equal(f.seen.events, "CS");
        assert_int_equal(f.seen.when - start, (version == TLS_V1_3 ? 10 : 20) * USEC_PER_MS);
        const struct tls_facts *facts = stream_tls(f.seen.s);
        assert_true(facts->verified);
        assert_string_equal(facts->version, version == TLS_V1_3 ? "TLSv1.3" : "TLSv1.2");
        assert_true(stream_write(f.seen.s, "secret", 6));
        sim_run_for(f.sim, USEC_PER_SEC);
        assert_int_equal(f.peer.len, 6);
        assert_int_equal(sim_conn_clear(f.sim, 0, SIM_UP).len, 0);
        tear_down(&f);
    }
}

static void certificates_are_judged(void **state)
{
    (void)state;
    static const struct {
        struct sim_certificate cert;
        const char *name;
        enum tls_fault fault;
    } cases[] = {
        {{.names = "mail.example.com", .issuer = "public"}, "mail.example.com", TLS_FAULT_NONE},
        {{.names = "*.example.com", .issuer = "public"}, "mail.example.com", TLS_FAULT_NONE},
        {{.names = "*.example.com", .issuer = "public"}, "a.b.example.com", TLS_FAULT_NAME},
        {{.names = "gateway.lan", .issuer = "public"}, "mail.example.com", TLS_FAULT_NAME},
        {{.names = "mail.example.com", .issuer = "gateway"}, "mail.example.com", TLS_FAULT_UNTRUSTED},
        {{.names = "mail.example.com", .issuer = "public", .expired = true}, "mail.example.com", TLS_FAULT_EXPIRED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int verify = 0; verify < 2; verify++) {
            struct fixture f;
            set_up(&f, 6);
            struct sim_tls_server server = honest;
            server.certificate = cases[i].cert;
            struct tls_client_settings settings = {.verify = verify, .name = cases[i].name, .min = TLS_V1_2};
            handshake(&f, &server, &settings);
            bool good = cases[i].fault == TLS_FAULT_NONE;
            assert_string_equal(f.seen.events, good || !verify ? "CS" : "CF");
            assert_int_equal(stream_tls(f.seen.s)->fault, cases[i].fault);
            assert_int_equal(stream_tls(f.seen.s)->verified, good && verify);
            if (!good && verify)
                assert_int_equal(stream_error(f.seen.s)->kind, ERR_CERTIFICATE);
            tear_down(&f);
        }
    }
}

static void pins_replace_names_and_authorities(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture f;
        set_up(&f, 6);
        struct sim_tls_server server = honest;
        server.certificate = (struct sim_certificate){.names = "other", .issuer = "nobody", .sha256 = {1, 2, 3}};
        const uint8_t pins[1][32] = {{1, 2, (uint8_t)(3 + i)}};
        struct tls_client_settings settings = {.verify = true, .name = "mail.example.com", .pins = pins, .npins = 1, .min = TLS_V1_2};
        handshake(&f, &server, &settings);
        assert_string_equal(f.seen.events, i == 0 ? "CS" : "CF");
        assert_int_equal(stream_tls(f.seen.s)->fault, i == 0 ? TLS_FAULT_NONE : TLS_FAULT_PIN);
        tear_down(&f);
    }
}

static void handshakes_fail_each_in_its_way(void **state)
{
    (void)state;
    static const struct {
        enum sim_tls_manner manner;
        const char *events;
        enum err_kind kind;
    } ways[] = {{SIM_TLS_ALERT, "CF", ERR_TLS},
                {SIM_TLS_SILENT, "C", ERR_NONE},
                {SIM_TLS_RESETS, "CF", ERR_RESET},
                {SIM_TLS_BABBLES, "CF", ERR_TLS}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct fixture f;
        set_up(&f, 6);
        struct sim_tls_server server = honest;
        server.manner = ways[i].manner;
        struct tls_client_settings settings = {.verify = true, .name = "mail.example.com", .min = TLS_V1_2};
        handshake(&f, &server, &settings);
        assert_string_equal(f.seen.events, ways[i].events);
        assert_int_equal(stream_error(f.seen.s)->kind, ways[i].kind);
        tear_down(&f);
    }
}

static void too_old_a_version_is_no_version(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 6);
    struct sim_tls_server server = honest;
    server.newest = server.oldest = TLS_V1_0;
    struct tls_client_settings settings = {.verify = true, .name = "mail.example.com", .min = TLS_V1_2};
    handshake(&f, &server, &settings);
    assert_string_equal(f.seen.events, "CF");
    assert_int_equal(stream_error(f.seen.s)->kind, ERR_TLS);
    tear_down(&f);
}

static void a_large_flight_may_vanish(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 6);
    sim_path(f.sim, place)->mtu = 1400;
    struct tls_client_settings settings = {.verify = true, .name = "mail.example.com", .min = TLS_V1_2};
    handshake(&f, &honest, &settings);
    assert_string_equal(f.seen.events, "C");
    tear_down(&f);
}

static void tls_bytes_look_like_tls_bytes_to_a_clear_reader(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, 6);
    f.peer.wants_tls = false;
    dial(&f);
    sim_run_for(f.sim, USEC_PER_SEC);
    struct err err;
    struct tls_client_settings settings = {.verify = true, .name = "mail.example.com", .min = TLS_V1_2};
    struct tls_context *ctx = tls_context_client(&settings, &err);
    assert_int_equal(stream_start_tls(f.seen.s, ctx, false, NULL, &err), 0);
    tls_context_unref(&ctx);
    sim_run_for(f.sim, USEC_PER_SEC);
    assert_true(f.peer.len > 3);
    assert_memory_equal(f.peer.heard, "\x16\x03\x01", 3);
    tear_down(&f);
}

static void a_session_is_resumed(void **state)
{
    (void)state;
    struct fixture f;
    struct err err;
    set_up(&f, 6);
    struct tls_client_settings settings = {.verify = true, .name = "mail.example.com", .min = TLS_V1_2};
    struct tls_context *ctx = tls_context_client(&settings, &err);
    f.peer.wants_tls = true;
    f.peer.tls = honest;
    for (int i = 0; i < 2; i++) {
        dial(&f);
        sim_run_for(f.sim, 15 * USEC_PER_MS);
        assert_int_equal(stream_start_tls(f.seen.s, ctx, false, "mail:587", &err), 0);
        sim_run_for(f.sim, USEC_PER_SEC);
        assert_int_equal(stream_tls(f.seen.s)->resumed, i == 1);
        stream_close(&f.seen.s);
        sim_end_close(f.peer.end);
        f.peer.secured = false;
        sim_run_for(f.sim, USEC_PER_SEC);
    }
    tls_context_unref(&ctx);
    assert_int_equal(sim_living(f.sim).contexts, 0);
    tear_down(&f);
}

/* ---- the rest of the world ---- */

struct answers {
    size_t n;
    enum err_kind kind;
    unsigned calls;
    struct secret *output;
};

static void answered(void *ctx, const struct addr *addresses, size_t n, const struct err *err)
{
    struct answers *a = ctx;
    (void)addresses;
    a->n = n;
    a->kind = err ? err->kind : ERR_NONE;
    a->calls++;
}

static void names_have_addresses_per_family(void **state)
{
    (void)state;
    struct sim *sim = sim_new(8);
    struct answers a = {0};
    sim_name(sim, "mail.example.com", "192.0.2.1 2001:db8::1 192.0.2.2");
    dns_lookup(sim_io(sim)->dns, "mail.example.com", ADDR_V4, answered, &a);
    assert_int_equal(a.calls, 0);
    sim_run_for(sim, USEC_PER_SEC);
    assert_int_equal(a.n, 2);
    dns_lookup(sim_io(sim)->dns, "nowhere.example.com", ADDR_V4, answered, &a);
    sim_run_for(sim, USEC_PER_SEC);
    assert_int_equal(a.kind, ERR_NOT_FOUND);
    sim_name_manner(sim, "mail.example.com", ADDR_V6, SIM_DNS_FAILS, 1000);
    dns_lookup(sim_io(sim)->dns, "mail.example.com", ADDR_V6, answered, &a);
    sim_run_for(sim, USEC_PER_SEC);
    assert_int_equal(a.kind, ERR_TIMEOUT);
    sim_name_manner(sim, "mail.example.com", ADDR_V6, SIM_DNS_SILENT, 1000);
    struct dns_query *q = dns_lookup(sim_io(sim)->dns, "mail.example.com", ADDR_V6, answered, &a);
    sim_run_for(sim, 1000 * USEC_PER_SEC);
    assert_int_equal(a.calls, 3);
    assert_int_equal(sim_living(sim).queries, 1);
    dns_cancel(&q);
    assert_int_equal(sim_living(sim).queries, 0);
    assert_int_equal(sim_name_questions(sim, "mail.example.com"), 3);
    sim_free(&sim);
}

static void ran(void *ctx, struct secret *output, const struct err *err)
{
    struct answers *a = ctx;
    a->output = output;
    a->kind = err ? err->kind : ERR_NONE;
    a->calls++;
}

static void programs_print_or_fail(void **state)
{
    (void)state;
    struct sim *sim = sim_new(8);
    struct answers a = {0};
    char name[] = "/bin/secret";
    char *const argv[] = {name, NULL};
    sim_program(sim, name, "hunter2\nmore\n", 1000);
    process_run(sim_loop(sim), sim_io(sim)->offload, argv, USEC_PER_SEC, ran, &a);
    sim_run_for(sim, USEC_PER_SEC);
    assert_true(slice_is(secret_reveal(a.output), "hunter2"));
    secret_free(&a.output);
    sim_program(sim, name, "late", 5 * USEC_PER_SEC);
    process_run(sim_loop(sim), sim_io(sim)->offload, argv, USEC_PER_SEC, ran, &a);
    sim_run_for(sim, 2 * USEC_PER_SEC);
    assert_int_equal(a.kind, ERR_TIMEOUT);
    assert_int_equal(sim_program_runs(sim, name), 2);
    sim_free(&sim);
}

static void count(void *ctx)
{
    ++*(unsigned *)ctx;
}

static void files_and_network_changes(void **state)
{
    (void)state;
    struct sim *sim = sim_new(9);
    struct err err;
    file_replace_later(sim_io(sim)->offload, "/state/ports", slice_of("587"), 0600, NULL, NULL);
    assert_null(sim_file_text(sim, "/state/ports"));
    sim_run_for(sim, USEC_PER_SEC);
    assert_string_equal(sim_file_text(sim, "/state/ports"), "587");
    sim_files_refuse_writes(sim, true);
    assert_int_equal(file_replace("/state/ports", slice_of("x"), 0600, &err), -1);
    unsigned changes = 0;
    struct netwatch *w = netwatch_new(sim_loop(sim), count, &changes);
    sim_network_change(sim);
    sim_network_change(sim);
    sim_run_for(sim, USEC_PER_SEC);
    assert_int_equal(changes, 0);
    sim_run_for(sim, 10 * USEC_PER_SEC);
    assert_int_equal(changes, 1);
    netwatch_free(&w);
    sim_free(&sim);
}

static uint64_t one_run(uint64_t seed)
{
    struct fixture f;
    set_up(&f, seed);
    struct sim_path *p = sim_path(f.sim, place);
    p->shred = true;
    p->jitter = 3000;
    p->window = 900;
    f.peer.greeting = "220 hello there, this is a greeting\r\n";
    dial(&f);
    sim_run_for(f.sim, 50 * USEC_PER_MS);
    char body[3000];
    memset(body, 'x', sizeof body);
    assert_true(stream_write(f.seen.s, body, sizeof body));
    sim_run_for(f.sim, USEC_PER_SEC);
    assert_int_equal(f.peer.len, sizeof body);
    uint64_t hash = sim_trace_hash(f.sim);
    tear_down(&f);
    return hash;
}

static void the_same_seed_gives_the_same_trace(void **state)
{
    (void)state;
    assert_true(one_run(11) == one_run(11));
    assert_true(one_run(11) != one_run(12));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(latency_counts_both_ways),
        cmocka_unit_test(bytes_keep_their_order_when_shredded),
        cmocka_unit_test(the_end_comes_after_the_bytes),
        cmocka_unit_test(a_reset_ends_the_stream),
        cmocka_unit_test(closing_with_unread_input_resets),
        cmocka_unit_test(connects_fail_each_in_its_way),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(a_hole_swallows_what_comes_after),
        cmocka_unit_test(a_reset_on_the_way_hits_both),
        cmocka_unit_test(tls_takes_its_round_trips),
        cmocka_unit_test(certificates_are_judged),
        cmocka_unit_test(pins_replace_names_and_authorities),
        cmocka_unit_test(handshakes_fail_each_in_its_way),
        cmocka_unit_test(too_old_a_version_is_no_version),
        cmocka_unit_test(a_large_flight_may_vanish),
        cmocka_unit_test(tls_bytes_look_like_tls_bytes_to_a_clear_reader),
        cmocka_unit_test(a_session_is_resumed),
        cmocka_unit_test(names_have_addresses_per_family),
        cmocka_unit_test(programs_print_or_fail),
        cmocka_unit_test(files_and_network_changes),
        cmocka_unit_test(the_same_seed_gives_the_same_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
