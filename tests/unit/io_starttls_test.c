/* How TLS begins on a stream, and what can be wrong before: leftover bytes, a plain answer,
 * files. */
#include "io_tls_help.h"

/* STARTTLS injection: no handshake above bytes that came in clear; as a client, none above bytes
 * that still wait to leave. */
static void test_start_tls_wants_empty_buffers(void **state)
{
    struct tls_context *server = server_with(&good, TLS_V1_2, NULL),
                       *client = client_for("smtp.example.com", true);
    struct loop *loop = new_loop();
    struct owner o;
    struct err err;
    int fd = owner_open(&o, loop, SOCK_STREAM, usual_caps, false);
    (void)state;
    send_text(fd, "220 go\r\n250 injected\r\n");
    spin_until(loop, has_I, &o);
    stream_consume(o.s, 8);
    assert_int_equal(stream_start_tls(o.s, client, false, NULL, &err), -1);
    assert_int_equal(err.kind, ERR_PROTOCOL);
    assert_int_equal(stream_start_tls(o.s, server, true, NULL, &err), -1);
    assert_int_equal(err.kind, ERR_PROTOCOL);
    assert_null(stream_tls(o.s));
    stream_consume(o.s, stream_view(o.s).len);
    assert_true(stream_write(o.s, "x", 1));
    assert_int_equal(stream_start_tls(o.s, client, false, NULL, &err), -1);
    assert_int_equal(err.kind, ERR_INVALID);
    owner_close(&o);
    close(fd);
    loop_free(&loop);
    forget(&client, &server);
}

/* What is injected a moment later, before our ClientHello is answered, is read as TLS and breaks
 * the handshake. */
static void test_plain_answer_to_handshake(void **state)
{
    struct tls_context *client = client_for("smtp.example.com", true);
    struct loop *loop = new_loop();
    struct owner o;
    struct err err;
    int fd = owner_open(&o, loop, SOCK_STREAM, usual_caps, true);
    (void)state;
    assert_int_equal(stream_start_tls(o.s, client, false, NULL, &err), 0);
    send_text(fd, "220 mail.example.com ESMTP\r\n");
    spin_until(loop, has_F, &o);
    assert_string_equal(o.events, "F");
    assert_int_equal(stream_error(o.s)->kind, ERR_TLS);
    assert_non_null(strstr(stream_error(o.s)->words, "does not speak TLS"));
    assert_int_equal(o.got.len, 0);
    owner_close(&o);
    close(fd);

    fd = owner_open(&o, loop, SOCK_STREAM, usual_caps, true);
    assert_int_equal(stream_start_tls(o.s, client, false, NULL, &err), 0);
    close(fd);
    spin_until(loop, has_F, &o);
    assert_true(stream_error(o.s)->kind == ERR_CLOSED || stream_error(o.s)->kind == ERR_RESET);
    owner_close(&o);
    loop_free(&loop);
    tls_context_unref(&client);
}

static void answer_and_start(struct owner *o, enum stream_event event)
{
    struct err err;
    if (event != STREAM_INPUT || stream_tls(o->s))
        return;
    if (slice_is(buf_view(&o->got), "STARTTLS\r\n")) {
        assert_true(stream_write(o->s, "220 go\r\n", 8));
        assert_int_equal(stream_start_tls(o->s, o->arg, true, NULL, &err), 0);
        assert_true(stream_write(o->s, "protected", 9));
    } else if (slice_is(buf_view(&o->got), "220 go\r\n")) {
        assert_int_equal(stream_start_tls(o->s, o->arg, false, NULL, &err), 0);
    }
}

/* As a server the 220 may still be queued: it leaves in clear, then the handshake begins, and what
 * is queued after it leaves protected. */
static void test_server_says_220_first(void **state)
{
    struct tls_context *server = server_with(&good, TLS_V1_2, NULL),
                       *client = client_for("smtp.example.com", true);
    struct pair p = {.loop = new_loop()};
    (void)state;
    owners_open(&p.client, &p.server, p.loop, usual_caps);
    p.client.hook = p.server.hook = answer_and_start;
    p.client.arg = client;
    p.server.arg = server;
    assert_true(stream_write(p.client.s, "STARTTLS\r\n", 10));
    spin_until(p.loop, both_decided, &p);
    spin_some(p.loop);
    assert_string_equal(p.client.events, "ISI");
    assert_string_equal(p.server.events, "IS");
    assert_true(slice_is(buf_view(&p.client.got), "220 go\r\nprotected"));
    part(&p);
    forget(&client, &server);
}

/* TLS may have sent what it says it could not send: handed runs ahead of what was taken, by one
 * record at most. */
static void test_uncertain_writes(void **state)
{
    struct tls_context *server = server_with(&good, TLS_V1_2, NULL),
                       *client = client_for("smtp.example.com", true);
    struct stream_caps caps = {.input = 1000, .output = 4 << 20};
    struct pair p;
    static char block[4 << 20];
    (void)state;
    shake_hands(&p, client, server, NULL, caps);
    stream_pause(p.server.s, true);
    assert_true(stream_write(p.client.s, block, sizeof block));
    spin_some(p.loop);
    uint64_t taken = stream_position(p.client.s) - stream_queued(p.client.s);
    assert_true(stream_queued(p.client.s) > 16384);
    assert_int_equal(stream_handed(p.client.s), taken + 16384);
    assert_int_equal(stream_taken(p.client.s), taken);
    stream_pause(p.server.s, false);
    stream_finish(&p.client.s, 3600 * USEC_PER_SEC);
    spin_until(p.loop, has_E, &p.server);
    assert_int_equal(p.server.got.len, sizeof block);
    part(&p);
    forget(&client, &server);
}

static void test_bad_files(void **state)
{
    struct err err;
    const char *odd = path_of("odd.pem");
    FILE *f = fopen(odd, "w");
    (void)state;
    fputs("hello\n", f);
    fclose(f);
    struct tls_server_settings server = {
        .cert_files = {path_of("none.pem")}, .key_files = {odd}, .min = TLS_V1_2};
    assert_null(tls_context_server(&server, &err));
    assert_non_null(strstr(err.words, "none.pem: No such file"));
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    server.cert_files[0] = authority_file;
    assert_null(tls_context_server(&server, &err));
    assert_non_null(strstr(err.words, "odd.pem: "));
    struct tls_client_settings client = {
        .verify = true, .ca_file = odd, .name = "a", .min = TLS_V1_2};
    assert_null(tls_context_client(&client, &err));
    assert_non_null(strstr(err.words, "odd.pem: "));
}

static void check_self_signed(enum tls_kind kind)
{
    struct err err;
    struct buf certificate, key;
    const char *path = path_of("self.pem");
    buf_init(&certificate, 16384);
    buf_init(&key, 16384);
    assert_int_equal(tls_self_signed("gateway.example.com", kind, &certificate, &key, &err), 0);
    FILE *f = fopen(path, "w");
    fwrite(buf_view(&certificate).data, 1, certificate.len, f);
    fwrite(buf_view(&key).data, 1, key.len, f);
    fclose(f);
    struct tls_server_settings server = {.cert_files = {path}, .min = TLS_V1_0};
    struct tls_client_settings client = {
        .verify = true, .ca_file = path, .name = "gateway.example.com", .min = TLS_V1_2};
    struct tls_context *s = tls_context_server(&server, &err),
                       *c = tls_context_client(&client, &err);
    struct pair p;
    /* trusted, since the file with it is named */
    shake_hands(&p, c, s, NULL, usual_caps);
    assert_string_equal(p.client.events, "S");
    assert_string_equal(stream_tls(p.client.s)->names, "gateway.example.com");
    part(&p);
    tls_context_unref(&c);
    tls_context_unref(&s);
    assert_int_equal(tls_self_signed("a,DNS:b", kind, &certificate, &key, &err), -1);
    buf_free(&certificate);
    buf_wipe(&key);
}

static void test_self_signed(void **state)
{
    (void)state;
    check_self_signed(TLS_KIND_RSA);
    check_self_signed(TLS_KIND_ECDSA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_tls_wants_empty_buffers),
        cmocka_unit_test(test_plain_answer_to_handshake),
        cmocka_unit_test(test_server_says_220_first),
        cmocka_unit_test(test_uncertain_writes),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_self_signed),
    };
    return cmocka_run_group_tests(tests, make_authority, drop_authority);
}
