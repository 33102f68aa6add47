/* TLS over socket pairs with certificates made here. */
#include "io_help.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "io/tls_internal.h"
#include "io/tls_self_signed.h"

enum { DAY = 86400 };

static char directory[] = "/tmp/io_tls_test.XXXXXX";
static struct {
    EVP_PKEY *key;
    X509 *certificate;
} authority;
static char authority_file[64];

static const char *path_of(const char *name)
{
    static char paths[8][96];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

struct certificate {
    const char *names; /* "DNS:a,IP:b"; NULL: no extension */
    const char *common_name;
    long from, until; /* days from now */
    bool self_signed, rsa;
};

static X509 *certify(const struct certificate *c, EVP_PKEY *key, bool is_authority)
{
    static long serial = 100;
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    bool by_itself = c->self_signed || is_authority;
    X509V3_CTX ctx;
    assert_true(X509_set_version(x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(x), serial++) && X509_set_pubkey(x, key));
    assert_true(X509_gmtime_adj(X509_getm_notBefore(x), c->from * DAY) && X509_gmtime_adj(X509_getm_notAfter(x), c->until * DAY));
    assert_true(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)c->common_name, -1, -1, 0));
    assert_true(X509_set_issuer_name(x, by_itself ? name : X509_get_subject_name(authority.certificate)));
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&ctx);
    const char *values[] = {is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE", c->names};
    const int nids[] = {NID_basic_constraints, NID_subject_alt_name};
    for (int i = 0; i < 2; i++) {
        if (!values[i])
            continue;
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nids[i], values[i]);
        assert_non_null(e);
        assert_true(X509_add_ext(x, e, -1));
        X509_EXTENSION_free(e);
    }
    assert_true(X509_sign(x, by_itself ? key : authority.key, EVP_sha256()) > 0);
    return x;
}

static void save(const char *path, X509 *x, EVP_PKEY *key)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(PEM_write_X509(f, x));
    assert_true(!key || PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL));
    fclose(f);
}

static int make_authority(void **state)
{
    static const struct certificate c = {.common_name = "Test Authority", .from = -10, .until = 10};
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    authority.key = EVP_EC_gen("P-256");
    authority.certificate = certify(&c, authority.key, true);
    snprintf(authority_file, sizeof authority_file, "%s", path_of("ca.pem"));
    save(authority_file, authority.certificate, NULL);
    return 0;
}

static int drop_authority(void **state)
{
    char command[128];
    (void)state;
    X509_free(authority.certificate);
    EVP_PKEY_free(authority.key);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command);
}

/* A server context with such a certificate; its SHA-256 goes to pin_r, which may be NULL. */
static struct tls_context *server_with(const struct certificate *c, enum tls_version min, uint8_t pin_r[32])
{
    struct err err = {0};
    const char *path = path_of("server.pem");
    EVP_PKEY *key = c->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    X509 *x = certify(c, key, false);
    save(path, x, key);
    if (pin_r)
        tls_certificate_digest(x, pin_r);
    X509_free(x);
    EVP_PKEY_free(key);
    struct tls_server_settings settings = {.cert_file = path, .key_file = path, .min = min};
    struct tls_context *ctx = tls_context_server(&settings, &err);
    assert_string_equal(err.words, "");
    assert_non_null(ctx);
    return ctx;
}

static struct tls_context *client_for(const char *name, bool verify)
{
    struct err err = {0};
    struct tls_client_settings settings = {.verify = verify, .ca_file = authority_file, .name = name, .min = TLS_V1_2};
    struct tls_context *ctx = tls_context_client(&settings, &err);
    assert_string_equal(err.words, "");
    return ctx;
}

static const struct certificate good = {.names = "DNS:smtp.example.com,DNS:mail.example.com", .common_name = "x", .from = -1, .until = 5};

static void forget(struct tls_context **client, struct tls_context **server)
{
    tls_context_unref(client);
    tls_context_unref(server);
}

struct pair {
    struct loop *loop;
    struct owner client, server;
};

static bool both_decided(void *arg)
{
    struct pair *p = arg;
    return (owner_has(&p->client, 'S') || owner_has(&p->client, 'F')) && (owner_has(&p->server, 'S') || owner_has(&p->server, 'F'));
}

static void shake_hands(struct pair *p, struct tls_context *client, struct tls_context *server, const char *key, struct stream_caps caps)
{
    struct err err;
    p->loop = new_loop();
    owners_open(&p->client, &p->server, p->loop, caps);
    assert_int_equal(stream_start_tls(p->server.s, server, true, NULL, &err), 0);
    assert_int_equal(stream_start_tls(p->client.s, client, false, key, &err), 0);
    assert_non_null(stream_tls(p->client.s));
    spin_until(p->loop, both_decided, p);
}

static void part(struct pair *p)
{
    owner_close(&p->client);
    owner_close(&p->server);
    loop_free(&p->loop);
}

/* Both sides talk over records of any size and small caps, then one says goodbye. */
static void test_talk_and_goodbye(void **state)
{
    struct tls_context *server = server_with(&good, TLS_V1_2, NULL), *client = client_for("smtp.example.com", true);
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

    shake_hands(&p, client, server, NULL, caps); /* the other way, with the reader's queue always full */
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
    struct tls_context *server = server_with(&good, TLS_V1_2, NULL), *client = client_for("smtp.example.com", true);
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
    const char *name; /* that the client expects */
    bool foreign;     /* the client does not know our authority */
    enum tls_fault fault;
    const char *words; /* part of them */
};

static void check_verdict(const struct verdict *v, bool verify)
{
    struct tls_context *server = server_with(&v->certificate, TLS_V1_2, NULL), *client;
    struct tls_client_settings settings = {
        .verify = verify, .ca_file = v->foreign ? NULL : authority_file, .name = v->name, .min = TLS_V1_2};
    struct err err;
    struct pair p;
    client = tls_context_client(&settings, &err);
    assert_non_null(client);
    shake_hands(&p, client, server, NULL, usual_caps);
    const struct tls_facts *f = stream_tls(p.client.s);
    assert_int_equal(f->fault, v->fault);
    assert_int_equal(f->verified, v->fault == TLS_FAULT_NONE);
    assert_int_equal(strlen(f->sha256), 64);
    if (v->fault != TLS_FAULT_NONE && !strstr(f->fault_words, v->words))
        fail_msg("\"%s\" is not in \"%s\"", v->words, f->fault_words);
    if (v->fault == TLS_FAULT_NONE || !verify) {
        assert_true(owner_has(&p.client, 'S'));
    } else {
        assert_string_equal(p.client.events, "F");
        assert_int_equal(stream_error(p.client.s)->kind, ERR_CERTIFICATE);
        assert_string_equal(stream_error(p.client.s)->words, f->fault_words);
        spin_until(p.loop, has_F, &p.server); /* it hears an alert */
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
        {{.names = "DNS:other", .common_name = "x", .from = -9, .until = -2}, "smtp.example.com", true, TLS_FAULT_EXPIRED, "expired on 20"},
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
        {{.names = "DNS:*.example.com", .common_name = "x", .from = -1, .until = 5}, "smtp.example.com", false, TLS_FAULT_NONE, ""},
        {{.names = "DNS:*.example.com", .common_name = "x", .from = -1, .until = 5},
         "a.smtp.example.com",
         false,
         TLS_FAULT_NAME,
         "*.example.com"},
        {{.names = "DNS:s*.example.com", .common_name = "x", .from = -1, .until = 5}, "smtp.example.com", false, TLS_FAULT_NAME, ""},
        {{.names = "DNS:smtp.example.com", .common_name = "x", .from = -1, .until = 5}, "SMTP.Example.COM.", false, TLS_FAULT_NONE, ""},
        {{.names = "IP:192.0.2.7,IP:2001:db8::1", .common_name = "x", .from = -1, .until = 5}, "192.0.2.7", false, TLS_FAULT_NONE, ""},
        {{.names = "IP:192.0.2.7,IP:2001:db8::1", .common_name = "x", .from = -1, .until = 5}, "[2001:db8::1]", false, TLS_FAULT_NONE, ""},
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
        {{.names = "DNS:192.0.2.8", .common_name = "x", .from = -1, .until = 5}, "192.0.2.8", false, TLS_FAULT_NAME, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        check_verdict(&verdicts[i], true);
        check_verdict(&verdicts[i], false);
    }
}

static void test_pins(void **state)
{
    static const struct certificate odd = {.names = "DNS:wrong", .common_name = "x", .from = -9, .until = -2, .self_signed = true};
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
        assert_int_equal(strstr(f->fault_words, "fingerprint is not a pinned one: it is ") != NULL, npins == 1);
        part(&p);
        tls_context_unref(&client);
    }
    tls_context_unref(&server);
}

/* One handshake, one line back so that a TLS 1.3 ticket can come, goodbye. Returns whether it was resumed. */
static bool visit(struct tls_context *client, struct tls_context *server, const char *key, bool *ok_r)
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
        assert_false(visit(client, server, "b:587", &ok)); /* another key, another session */
        assert_false(visit(client, server, NULL, &ok));
        assert_int_equal(client->nsessions, 2);
        /* A resumed handshake shows no certificate: the remembered one is checked against the name again. */
        free(client->name);
        client->name = strdup("other.example.com");
        assert_true(visit(client, server, "a:587", &ok));
        assert_false(ok);
        assert_int_equal(client->nsessions, 1); /* and it is not tried a third time */
        char key[16];
        for (int i = 0; i < SESSIONS_KEPT + 3; i++) {
            SSL_SESSION *session = tls_context_session(client, "b:587");
            struct tls_session s = {.ctx = client, .resume_key = key, .facts = {.verified = true}};
            SSL *ssl = SSL_new(client->ssl);
            SSL_set_app_data(ssl, &s);
            snprintf(key, sizeof key, "c%d:587", i);
            if (session && SSL_SESSION_up_ref(session) && !SSL_CTX_sess_get_new_cb(client->ssl)(ssl, session))
                SSL_SESSION_free(session);
            SSL_free(ssl);
        }
        assert_true(client->nsessions <= SESSIONS_KEPT);
        tls_context_unref(&client);
    }
    tls_context_unref(&server);
}

/* The certificate was wrong but nobody minded: such a session is no proof for a context that does. Within one context this cannot happen;
 * its facts must still say the truth after resumption. */
static void test_unverified_stays_unverified(void **state)
{
    static const struct certificate self = {.names = "DNS:a", .common_name = "x", .from = -1, .until = 5, .self_signed = true};
    struct tls_context *server = server_with(&self, TLS_V1_2, NULL), *client = client_for("a", false);
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
    static const struct certificate rsa = {.names = "DNS:smtp.example.com", .common_name = "x", .from = -1, .until = 5, .rsa = true};
    struct tls_context *modern = server_with(&rsa, TLS_V1_2, NULL), *lenient = server_with(&rsa, TLS_V1_0, NULL);
    struct err err;
    struct tls_client_settings settings = {.verify = true, .ca_file = authority_file, .name = "smtp.example.com", .min = TLS_V1_0};
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
    struct tls_context *server = server_with(&good, TLS_V1_2, NULL), *client = client_for("smtp.example.com", true);
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

/* STARTTLS injection: no handshake above bytes that came in clear; as a client, none above bytes that still wait to leave. */
static void test_start_tls_wants_empty_buffers(void **state)
{
    struct tls_context *server = server_with(&good, TLS_V1_2, NULL), *client = client_for("smtp.example.com", true);
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

/* What is injected a moment later, before our ClientHello is answered, is read as TLS and breaks the handshake. */
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

/* As a server the 220 may still be queued: it leaves in clear, then the handshake begins, and what is queued after it leaves protected. */
static void test_server_says_220_first(void **state)
{
    struct tls_context *server = server_with(&good, TLS_V1_2, NULL), *client = client_for("smtp.example.com", true);
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

/* TLS may have sent what it says it could not send: handed runs ahead of what was taken, by one record at most. */
static void test_uncertain_writes(void **state)
{
    struct tls_context *server = server_with(&good, TLS_V1_2, NULL), *client = client_for("smtp.example.com", true);
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
    struct tls_server_settings server = {.cert_file = path_of("none.pem"), .key_file = odd, .min = TLS_V1_2};
    assert_null(tls_context_server(&server, &err));
    assert_non_null(strstr(err.words, "none.pem: No such file"));
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    server.cert_file = authority_file;
    assert_null(tls_context_server(&server, &err));
    assert_non_null(strstr(err.words, "odd.pem: "));
    struct tls_client_settings client = {.verify = true, .ca_file = odd, .name = "a", .min = TLS_V1_2};
    assert_null(tls_context_client(&client, &err));
    assert_non_null(strstr(err.words, "odd.pem: "));
}

static void test_self_signed(void **state)
{
    struct err err;
    struct buf certificate, key;
    const char *path = path_of("self.pem");
    (void)state;
    buf_init(&certificate, 16384);
    buf_init(&key, 16384);
    assert_int_equal(tls_self_signed("gateway.example.com", &certificate, &key, &err), 0);
    FILE *f = fopen(path, "w");
    fwrite(buf_view(&certificate).data, 1, certificate.len, f);
    fwrite(buf_view(&key).data, 1, key.len, f);
    fclose(f);
    struct tls_server_settings server = {.cert_file = path, .key_file = path, .min = TLS_V1_0};
    struct tls_client_settings client = {.verify = true, .ca_file = path, .name = "gateway.example.com", .min = TLS_V1_2};
    struct tls_context *s = tls_context_server(&server, &err), *c = tls_context_client(&client, &err);
    struct pair p;
    shake_hands(&p, c, s, NULL, usual_caps); /* trusted, since the file with it is named */
    assert_string_equal(p.client.events, "S");
    assert_string_equal(stream_tls(p.client.s)->names, "gateway.example.com");
    part(&p);
    tls_context_unref(&c);
    tls_context_unref(&s);
    assert_int_equal(tls_self_signed("a,DNS:b", &certificate, &key, &err), -1);
    buf_free(&certificate);
    buf_wipe(&key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_talk_and_goodbye),
        cmocka_unit_test(test_truncation_is_failure),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_pins),
        cmocka_unit_test(test_resumption),
        cmocka_unit_test(test_unverified_stays_unverified),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_strict_alpn),
        cmocka_unit_test(test_start_tls_wants_empty_buffers),
        cmocka_unit_test(test_plain_answer_to_handshake),
        cmocka_unit_test(test_server_says_220_first),
        cmocka_unit_test(test_uncertain_writes),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_self_signed),
    };
    return cmocka_run_group_tests(tests, make_authority, drop_authority);
}
