/* TLS over socket pairs with certificates made here. */
#include "io_tls_help.h"

static void test_talk_and_goodbye(void **state)
{
    struct tls_context *server = server_with(&good, TLS_V1_2, NULL),
                       *client = client_for("smtp.example.com", true);
    struct stream_caps caps = {.input = 999, .output = 200000};
    struct pair p;
    static char text[150000];
    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 19);
    shake_hands(&p, client, server, "k", caps);
    const struct tls_facts *f = stream_tls(p.client.s);
    assert_string_equal(f->version, "TLSv1.3");
    assert_true(f->cipher[0] && f->verified && !f->resumed);
    assert_int_equal(f->fault, TLS_FAULT_NONE);
    assert_string_equal(f->names, "smtp.example.com mail.example.com");
    assert_string_equal(f->issuer, "CN = Test Authority");
    assert_int_equal(strlen(f->sha256), 64);
    assert_true(f->not_before > 1700000000 && f->not_after > f->not_before);
    assert_true(stream_write(p.client.s, text, sizeof text));
    assert_true(stream_write(p.server.s, text, sizeof text));
    stream_finish(&p.client.s, 3600 * USEC_PER_SEC);
    spin_until(p.loop, has_E, &p.server);
    assert_int_equal(p.server.got.len, sizeof text);
    assert_memory_equal(buf_view(&p.server.got).data, text, sizeof text);
    assert_false(owner_has(&p.server, 'F'));
    part(&p);

    /* the other way, with the reader's queue always full */
    shake_hands(&p, client, server, NULL, caps);
    assert_true(stream_write(p.server.s, text, sizeof text));
    stream_finish(&p.server.s, 3600 * USEC_PER_SEC);
    spin_until(p.loop, has_E, &p.client);
    assert_int_equal(p.client.got.len, sizeof text);
    part(&p);
    forget(&client, &server);
}

/* A FIN without close_notify may be somebody's scissors: not an orderly end. */
static void test_truncation_is_failure(void **state)
{
    struct tls_context *server = server_with(&good, TLS_V1_2, NULL),
                       *client = client_for("smtp.example.com", true);
    struct pair p;
    (void)state;
    shake_hands(&p, client, server, NULL, usual_caps);
    stream_close(&p.client.s);
    spin_until(p.loop, has_F, &p.server);
    assert_string_equal(p.server.events, "SF");
    assert_int_equal(stream_error(p.server.s)->kind, ERR_RESET);
    assert_non_null(stream_tls(p.server.s));
    part(&p);
    forget(&client, &server);
}

struct verdict {
    struct certificate certificate;
    /* that the client expects */
    const char *name;
    /* the client does not know our authority */
    bool foreign;
    enum tls_fault fault;
    /* part of them */
    const char *words;
};

static void check_verdict(const struct verdict *v, bool verify)
{
    struct tls_context *server = server_with(&v->certificate, TLS_V1_2, NULL), *client;
    struct tls_client_settings settings = {.verify = verify,
                                           .ca_file = v->foreign ? NULL : authority_file,
                                           .name = v->name,
                                           .min = TLS_V1_2};
    struct err err;
    struct pair p;
    client = tls_context_client(&settings, &err);
    assert_non_null(client);
    shake_hands(&p, client, server, NULL, usual_caps);
    const struct tls_facts *f = stream_tls(p.client.s);
    assert_int_equal(f->fault, v->fault);
    assert_int_equal(f->verified, v->fault == TLS_FAULT_NONE);
    assert_int_equal(strlen(f->sha256), 64);
    assert_int_equal(f->lone, !v->certificate.self_signed);
    if (v->fault != TLS_FAULT_NONE && !strstr(f->fault_words, v->words))
        fail_msg("\"%s\" is not in \"%s\"", v->words, f->fault_words);
    if (v->fault == TLS_FAULT_NONE || !verify) {
        assert_true(owner_has(&p.client, 'S'));
    } else {
        assert_string_equal(p.client.events, "F");
        assert_int_equal(stream_error(p.client.s)->kind, ERR_CERTIFICATE);
        assert_string_equal(stream_error(p.client.s)->words, f->fault_words);
        /* it hears an alert */
        spin_until(p.loop, has_F, &p.server);
    }
    part(&p);
    forget(&client, &server);
}

static void test_verdicts(void **state)
{
    static const struct verdict verdicts[] = {
        {{.names = "DNS:mail.example.net", .common_name = "x", .from = -1, .until = 5},
         "smtp.example.com",
         false,
         TLS_FAULT_NAME,
         "the certificate is for mail.example.net, not smtp.example.com"},
        {{.names = "DNS:mail.example.net", .common_name = "x", .from = -9, .until = -2},
         "smtp.example.com",
         false,
         TLS_FAULT_EXPIRED,
         "expired on 20"},
        {{.names = "DNS:smtp.example.com", .common_name = "x", .from = 2, .until = 5},
         "smtp.example.com",
         false,
         TLS_FAULT_EXPIRED,
         "valid only from"},
        {{.names = "DNS:smtp.example.com", .common_name = "x", .from = -1, .until = 5},
         "smtp.example.com",
         true,
         TLS_FAULT_UNTRUSTED,
         "Test Authority"},
        {{.names = "DNS:other", .common_name = "x", .from = -9, .until = -2},
         "smtp.example.com",
         true,
         TLS_FAULT_EXPIRED,
         "expired on 20"},
        {{.names = "DNS:other", .common_name = "x", .from = -1, .until = 5, .self_signed = true},
         "smtp.example.com",
         false,
         TLS_FAULT_UNTRUSTED,
         "signed by itself"},
        {{.names = NULL, .common_name = "smtp.example.com", .from = -1, .until = 5},
         "smtp.example.com",
         false,
         TLS_FAULT_NAME,
         "names no host"},
        {{.names = "DNS:*.example.com", .common_name = "x", .from = -1, .until = 5},
         "smtp.example.com",
         false,
         TLS_FAULT_NONE,
         ""},
        {{.names = "DNS:*.example.com", .common_name = "x", .from = -1, .until = 5},
         "a.smtp.example.com",
         false,
         TLS_FAULT_NAME,
         "*.example.com"},
        {{.names = "DNS:s*.example.com", .common_name = "x", .from = -1, .until = 5},
         "smtp.example.com",
         false,
         TLS_FAULT_NAME,
         ""},
        {{.names = "DNS:smtp.example.com", .common_name = "x", .from = -1, .until = 5},
         "SMTP.Example.COM.",
         false,
         TLS_FAULT_NONE,
         ""},
        {{.names = "IP:192.0.2.7,IP:2001:db8::1", .common_name = "x", .from = -1, .until = 5},
         "192.0.2.7",
         false,
         TLS_FAULT_NONE,
         ""},
        {{.names = "IP:192.0.2.7,IP:2001:db8::1", .common_name = "x", .from = -1, .until = 5},
         "[2001:db8::1]",
         false,
         TLS_FAULT_NONE,
         ""},
        {{.names = "IP:192.0.2.7", .common_name = "x", .from = -1, .until = 5},
         "192.0.2.8",
         false,
         TLS_FAULT_NAME,
         "192.0.2.7, not 192.0.2.8"},
        {{.names = "DNS:evil host level=error,DNS:b", .common_name = "x", .from = -1, .until = 5},
         "smtp.example.com",
         false,
         TLS_FAULT_NAME,
         "for evil?host?level=error b, not"},
        {{.names = "DNS:192.0.2.8", .common_name = "x", .from = -1, .until = 5},
         "192.0.2.8",
         false,
         TLS_FAULT_NAME,
         ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        check_verdict(&verdicts[i], true);
        check_verdict(&verdicts[i], false);
    }
}

/* What a server leaves out that lacks its intermediate certificate. */
static void test_chain_sent(void **state)
{
    struct err err;
    (void)state;
    for (int sent = 0; sent < 2; sent++) {
        struct pair p;
        struct tls_context *server = server_with_issuer(&good, sent);
        struct tls_client_settings settings = {
            .verify = true, .name = "smtp.example.com", .min = TLS_V1_2};
        struct tls_context *client = tls_context_client(&settings, &err);
        shake_hands(&p, client, server, NULL, usual_caps);
        const struct tls_facts *f = stream_tls(p.client.s);
        assert_int_equal(f->fault, TLS_FAULT_UNTRUSTED);
        assert_int_equal(f->lone, !sent);
        part(&p);
        forget(&client, &server);
    }
}

static void test_pins(void **state)
{
    static const struct certificate odd = {
        .names = "DNS:wrong", .common_name = "x", .from = -9, .until = -2, .self_signed = true};
    uint8_t pins[2][32] = {{1, 2, 3}};
    struct tls_context *server = server_with(&odd, TLS_V1_2, pins[1]);
    struct err err;
    struct pair p;
    (void)state;
    for (size_t npins = 2; npins >= 1; npins--) {
        struct tls_client_settings settings = {.verify = true,
                                               .ca_file = authority_file,
                                               .name = "smtp.example.com",
                                               .min = TLS_V1_2,
                                               .pins = (const uint8_t(*)[32])pins,
                                               .npins = npins};
        struct tls_context *client = tls_context_client(&settings, &err);
        shake_hands(&p, client, server, NULL, usual_caps);
        const struct tls_facts *f = stream_tls(p.client.s);
        assert_int_equal(f->verified, npins == 2);
        assert_int_equal(f->fault, npins == 2 ? TLS_FAULT_NONE : TLS_FAULT_PIN);
        assert_true(owner_has(&p.client, npins == 2 ? 'S' : 'F'));
        assert_int_equal(strstr(f->fault_words, "fingerprint is not a pinned one: it is ") != NULL,
                         npins == 1);
        part(&p);
        tls_context_unref(&client);
    }
    tls_context_unref(&server);
}

/* One handshake, one line back so that a TLS 1.3 ticket can come, goodbye. Returns whether it was
 * resumed. */
static bool visit(struct tls_context *client, struct tls_context *server, const char *key,
                  bool *ok_r)
{
    struct pair p;
    shake_hands(&p, client, server, key, usual_caps);
    *ok_r = owner_has(&p.client, 'S');
    bool resumed = stream_tls(p.client.s)->resumed;
    if (*ok_r) {
        assert_int_equal(stream_tls(p.client.s)->verified, true);
        assert_true(stream_tls(p.client.s)->names[0]);
        assert_true(stream_write(p.server.s, "220\r\n", 5));
        spin_until(p.loop, has_I, &p.client);
    }
    part(&p);
    return resumed;
}

static void test_resumption(void **state)
{
    struct tls_context *server = server_with(&good, TLS_V1_2, NULL);
    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct tls_context *client = client_for("smtp.example.com", true);
        bool ok;
        SSL_CTX_set_max_proto_version(client->ssl, version);
        assert_false(visit(client, server, "a:587", &ok));
        assert_true(ok);
        assert_true(visit(client, server, "a:587", &ok));
        assert_true(ok);
        /* another key, another session */
        assert_false(visit(client, server, "b:587", &ok));
        assert_false(visit(client, server, NULL, &ok));
        assert_int_equal(client->nsessions, 2);
        /* A resumed handshake shows no certificate: the remembered one is checked against the name
         * again. */
        free(client->name);
        client->name = strdup("other.example.com");
        assert_true(visit(client, server, "a:587", &ok));
        assert_false(ok);
        /* and it is not tried a third time */
        assert_int_equal(client->nsessions, 1);
        char key[16];
        for (int i = 0; i < CAP_TLS_SESSIONS + 3; i++) {
            SSL_SESSION *session = tls_context_session(client, "b:587");
            struct tls_session s = {.ctx = client, .resume_key = key, .facts = {.verified = true}};
            SSL *ssl = SSL_new(client->ssl);
            SSL_set_app_data(ssl, &s);
            snprintf(key, sizeof key, "c%d:587", i);
            if (session && SSL_SESSION_up_ref(session) &&
                !SSL_CTX_sess_get_new_cb(client->ssl)(ssl, session))
                SSL_SESSION_free(session);
            SSL_free(ssl);
        }
        assert_true(client->nsessions <= CAP_TLS_SESSIONS);
        tls_context_unref(&client);
    }
    tls_context_unref(&server);
}

static void age_tickets(struct tls_context *server, int seconds)
{
    server->tickets.current.made -= seconds;
    server->tickets.previous.made -= seconds;
}

static bool is_blank(const struct ticket_key *key)
{
    static const struct ticket_key blank;
    return memcmp(key, &blank, sizeof blank) == 0;
}

/* A ticket is opened by the key that sealed it until twice that key's life is over; meanwhile the
 * client has been given a newer one. */
static void test_ticket_keys_rotate(void **state)
{
    struct tls_context *server = server_with(&good, TLS_V1_2, NULL);
    (void)state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct tls_context *client = client_for("smtp.example.com", true);
        unsigned char first[16];
        bool ok;
        SSL_CTX_set_max_proto_version(client->ssl, version);
        assert_false(visit(client, server, "a:587", &ok));
        memcpy(first, server->tickets.current.name, sizeof first);
        assert_true(visit(client, server, "a:587", &ok));
        assert_memory_equal(server->tickets.current.name, first, sizeof first);
        age_tickets(server, TICKET_KEY_LIFE);
        /* and gets a new ticket */
        assert_true(visit(client, server, "a:587", &ok));
        assert_memory_not_equal(server->tickets.current.name, first, sizeof first);
        assert_memory_equal(server->tickets.previous.name, first, sizeof first);
        age_tickets(server, TICKET_KEY_LIFE);
        /* Up to TLS 1.2 OpenSSL's client keeps its old ticket, for which it is too late now. */
        assert_int_equal(visit(client, server, "a:587", &ok), version == TLS1_3_VERSION);
        age_tickets(server, 2 * TICKET_KEY_LIFE);
        /* too late for any key */
        assert_false(visit(client, server, "a:587", &ok));
        assert_true(ok && is_blank(&server->tickets.previous));
        assert_true(visit(client, server, "a:587", &ok));
        tls_context_unref(&client);
    }
    tls_context_unref(&server);
}

/* The certificate was wrong but nobody minded: such a session is no proof for a context that does.
 * Within one context this cannot happen; its facts must still say the truth after resumption. */
static void test_unverified_stays_unverified(void **state)
{
    static const struct certificate self = {
        .names = "DNS:a", .common_name = "x", .from = -1, .until = 5, .self_signed = true};
    struct tls_context *server = server_with(&self, TLS_V1_2, NULL),
                       *client = client_for("a", false);
    struct pair p;
    (void)state;
    for (int i = 0; i < 2; i++) {
        shake_hands(&p, client, server, "k", usual_caps);
        assert_int_equal(stream_tls(p.client.s)->resumed, i == 1);
        assert_false(stream_tls(p.client.s)->verified);
        assert_int_equal(stream_tls(p.client.s)->fault, TLS_FAULT_UNTRUSTED);
        assert_true(stream_write(p.server.s, "220\r\n", 5));
        spin_until(p.loop, has_I, &p.client);
        part(&p);
    }
    forget(&client, &server);
}

static void test_versions(void **state)
{
    static const struct certificate rsa = {
        .names = "DNS:smtp.example.com", .common_name = "x", .from = -1, .until = 5, .rsa = true};
    struct tls_context *modern = server_with(&rsa, TLS_V1_2, NULL),
                       *lenient = server_with(&rsa, TLS_V1_0, NULL);
    struct err err;
    struct tls_client_settings settings = {
        .verify = true, .ca_file = authority_file, .name = "smtp.example.com", .min = TLS_V1_0};
    struct tls_context *old = tls_context_client(&settings, &err);
    struct pair p;
    (void)state;
    SSL_CTX_set_max_proto_version(old->ssl, TLS1_VERSION);
    shake_hands(&p, old, modern, NULL, usual_caps);
    assert_string_equal(p.client.events, "F");
    assert_int_equal(stream_error(p.client.s)->kind, ERR_TLS);
    assert_string_equal(p.server.events, "F");
    part(&p);
    shake_hands(&p, old, lenient, NULL, usual_caps);
    assert_string_equal(p.client.events, "S");
    assert_string_equal(stream_tls(p.server.s)->version, "TLSv1");
    part(&p);
    tls_context_unref(&old);
    tls_context_unref(&modern);
    tls_context_unref(&lenient);
}

static void test_strict_alpn(void **state)
{
    struct tls_context *server = server_with(&good, TLS_V1_2, NULL),
                       *client = client_for("smtp.example.com", true);
    struct pair p;
    (void)state;
    SSL_CTX_set_alpn_protos(client->ssl, (const unsigned char *)"\x02h2\x08http/1.1", 12);
    shake_hands(&p, client, server, NULL, usual_caps);
    assert_string_equal(p.client.events, "F");
    assert_string_equal(p.server.events, "F");
    part(&p);
    SSL_CTX_set_alpn_protos(client->ssl, (const unsigned char *)"\x08http/1.1\x04smtp", 14);
    shake_hands(&p, client, server, NULL, usual_caps);
    assert_string_equal(p.client.events, "S");
    part(&p);
    forget(&client, &server);
}

static enum err_cause cause_of_failure(struct tls_context *client, struct tls_context *server)
{
    struct pair p;
    shake_hands(&p, client, server, NULL, usual_caps);
    spin_until(p.loop, has_F, &p.server);
    assert_int_equal(stream_error(p.server.s)->kind, ERR_TLS);
    enum err_cause cause = stream_error(p.server.s)->cause;
    part(&p);
    forget(&client, &server);
    return cause;
}

/* The server's advice depends on why the handshake failed: a cause says it, not OpenSSL's words. */
static void a_failed_handshake_has_a_cause(void **state)
{
    static const char *const clear[] = {"EHLO client.example.com\r\n", "GET / HTTP/1.1\r\n\r\n"};
    (void)state;
    struct tls_context *old = client_for("smtp.example.com", false);
    SSL_CTX_set_max_proto_version(old->ssl, TLS1_2_VERSION);
    assert_int_equal(cause_of_failure(old, server_with(&good, TLS_V1_3, NULL)),
                     ERR_CAUSE_TLS_VERSION);
    const struct tls_client_settings foreign = {
        .verify = true, .name = "smtp.example.com", .min = TLS_V1_2};
    struct err err;
    assert_int_equal(
        cause_of_failure(tls_context_client(&foreign, &err), server_with(&good, TLS_V1_2, NULL)),
        ERR_CAUSE_TLS_DISTRUST);
    for (size_t i = 0; i < sizeof clear / sizeof *clear; i++) {
        struct tls_context *server = server_with(&good, TLS_V1_2, NULL);
        struct pair p = {.loop = new_loop()};
        owners_open(&p.client, &p.server, p.loop, usual_caps);
        assert_int_equal(stream_start_tls(p.server.s, server, true, NULL, &err), 0);
        assert_true(stream_write_slice(p.client.s, slice_of(clear[i])));
        spin_until(p.loop, has_F, &p.server);
        assert_int_equal(stream_error(p.server.s)->cause, ERR_CAUSE_NOT_TLS);
        part(&p);
        tls_context_unref(&server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_talk_and_goodbye),
        cmocka_unit_test(test_truncation_is_failure),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_chain_sent),
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_resumption),
        cmocka_unit_test(test_ticket_keys_rotate),
        cmocka_unit_test(test_unverified_stays_unverified),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_strict_alpn),
        cmocka_unit_test(a_failed_handshake_has_a_cause),
    };
    return cmocka_run_group_tests(tests, make_authority, drop_authority);
}
