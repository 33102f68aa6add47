/* The simulated world itself: what a stream sees of latency, order, FIN, RST, black holes, partial
 * writes and TLS verdicts, and that the same seed gives the same trace. */
#include "sim_world_help.h"

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
    /* the window is small: the writes were partial */
    assert_true(stream_queued(f.seen.s) > 50000);
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
    /* half closed: the other way is open */
    assert_true(stream_write(f.seen.s, "still here", 10));
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
    /* reads no more */
    sim_end_set_owner(f.peer.end, NULL, NULL);
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
    /* not even the end got through */
    assert_int_equal(f.peer.ended, ERR_NONE);
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
    .certificate = {.names = "mail.example.com *.example.net", .issuer = "public"},
    .newest = TLS_V1_3,
    .oldest = TLS_V1_2};

/* Runs a handshake against the peer; gives the facts' fault, or leaves the stream failed. */
static void handshake(struct fixture *f, const struct sim_tls_server *server,
                      const struct tls_client_settings *settings)
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
        struct tls_client_settings settings = {
            .verify = true, .name = "mail.example.com", .min = TLS_V1_2};
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
        {{.names = "mail.example.com", .issuer = "gateway"},
         "mail.example.com",
         TLS_FAULT_UNTRUSTED},
        {{.names = "mail.example.com", .issuer = "public", .expired = true},
         "mail.example.com",
         TLS_FAULT_EXPIRED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int verify = 0; verify < 2; verify++) {
            struct fixture f;
            set_up(&f, 6);
            struct sim_tls_server server = honest;
            server.certificate = cases[i].cert;
            struct tls_client_settings settings = {
                .verify = verify, .name = cases[i].name, .min = TLS_V1_2};
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
        server.certificate =
            (struct sim_certificate){.names = "other", .issuer = "nobody", .sha256 = {1, 2, 3}};
        const uint8_t pins[1][32] = {{1, 2, (uint8_t)(3 + i)}};
        struct tls_client_settings settings = {
            .verify = true, .name = "mail.example.com", .pins = pins, .npins = 1, .min = TLS_V1_2};
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
        struct tls_client_settings settings = {
            .verify = true, .name = "mail.example.com", .min = TLS_V1_2};
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
    struct tls_client_settings settings = {
        .verify = true, .name = "mail.example.com", .min = TLS_V1_2};
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
    struct tls_client_settings settings = {
        .verify = true, .name = "mail.example.com", .min = TLS_V1_2};
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
    struct tls_client_settings settings = {
        .verify = true, .name = "mail.example.com", .min = TLS_V1_2};
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
    struct tls_client_settings settings = {
        .verify = true, .name = "mail.example.com", .min = TLS_V1_2};
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
