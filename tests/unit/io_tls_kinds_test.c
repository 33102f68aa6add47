/* A listener with an RSA certificate and an ECDSA one: which client gets which. */
#include "io_tls_help.h"

#include <time.h>

/* What each of the two is called, so that a handshake tells which was shown. */
static const struct certificate rsa = {.names = "DNS:smtp.example.com,DNS:rsa",
                                       .common_name = "rsa",
                                       .from = -1,
                                       .until = 9,
                                       .rsa = true};
static const struct certificate ecdsa = {
    .names = "DNS:smtp.example.com,DNS:ecdsa", .common_name = "ecdsa", .from = -1, .until = 5};

static const char *make_file(const char *name, const struct certificate *c)
{
    const char *path = path_of(name);
    EVP_PKEY *key = c->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    X509 *x = certify(c, key, false);
    save(path, x, key);
    X509_free(x);
    EVP_PKEY_free(key);
    return path;
}

struct client_kind {
    int version;
    /* up to TLS 1.2; NULL: OpenSSL's own */
    const char *ciphers;
    /* from TLS 1.2 on; NULL: OpenSSL's own */
    const char *signatures;
    const char *sees;
};

static void check_client(struct tls_context *server, const struct client_kind *kind)
{
    struct tls_client_settings settings = {
        .verify = true, .ca_file = authority_file, .name = "smtp.example.com", .min = TLS_V1_0};
    struct err err;
    struct tls_context *client = tls_context_client(&settings, &err);
    struct pair p;
    SSL_CTX_set_min_proto_version(client->ssl, kind->version);
    SSL_CTX_set_max_proto_version(client->ssl, kind->version);
    assert_true(!kind->ciphers || SSL_CTX_set_cipher_list(client->ssl, kind->ciphers));
    assert_true(!kind->signatures || SSL_CTX_set1_sigalgs_list(client->ssl, kind->signatures));
    shake_hands(&p, client, server, NULL, usual_caps);
    assert_string_equal(p.client.events, "S");
    if (!strstr(stream_tls(p.client.s)->names, kind->sees))
        fail_msg("%x %s %s: it was shown %s, not %s", (unsigned)kind->version,
                 kind->ciphers ? kind->ciphers : "", kind->signatures ? kind->signatures : "",
                 stream_tls(p.client.s)->names, kind->sees);
    part(&p);
    tls_context_unref(&client);
}

static void each_client_gets_what_it_verifies(void **state)
{
    static const struct client_kind kinds[] = {
        {TLS1_3_VERSION, NULL, NULL, " ecdsa"},
        {TLS1_3_VERSION, NULL, "RSA-PSS+SHA256:RSA+SHA256", " rsa"},
        {TLS1_3_VERSION, NULL, "RSA-PSS+SHA256:ECDSA+SHA256", " ecdsa"},
        {TLS1_2_VERSION, NULL, NULL, " ecdsa"},
        /* It lists the suite and cannot verify the signature. */
        {TLS1_2_VERSION, NULL, "RSA+SHA256", " rsa"},
        {TLS1_2_VERSION, "kRSA", NULL, " rsa"},
        {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", NULL, " ecdsa"},
        /* Before TLS 1.2 nobody says what it verifies. */
        {TLS1_1_VERSION, "ALL:@SECLEVEL=0", NULL, " rsa"},
        {TLS1_VERSION, "ALL:@SECLEVEL=0", NULL, " rsa"},
        {TLS1_VERSION, "AES128-SHA:@SECLEVEL=0", NULL, " rsa"},
        {TLS1_VERSION, "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", NULL, " ecdsa"},
    };
    struct err err = {0};
    struct tls_server_settings settings = {
        .cert_files = {make_file("rsa.pem", &rsa), make_file("ecdsa.pem", &ecdsa)},
        .min = TLS_V1_0};
    (void)state;
    /* the order of the files says nothing */
    for (int turned = 0; turned < 2; turned++) {
        struct tls_context *server = tls_context_server(&settings, &err);
        assert_string_equal(err.words, "");
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            check_client(server, &kinds[i]);
        /* of the two the one that ends first */
        int64_t left = tls_context_expires(server) - (int64_t)time(NULL);
        assert_in_range(left, 4 * DAY, 6 * DAY);
        tls_context_unref(&server);
        const char *first = settings.cert_files[0];
        settings.cert_files[0] = settings.cert_files[1];
        settings.cert_files[1] = first;
    }
}

static void two_of_one_kind_are_refused(void **state)
{
    struct err err = {0};
    struct tls_server_settings settings = {
        .cert_files = {make_file("one.pem", &ecdsa), make_file("two.pem", &ecdsa)},
        .min = TLS_V1_2};
    (void)state;
    assert_null(tls_context_server(&settings, &err));
    assert_non_null(strstr(err.words, "one.pem and "));
    assert_non_null(strstr(err.words, "two.pem are of one kind (id-ecPublicKey)"));
}

static void keys_go_with_the_certificates_in_their_order(void **state)
{
    struct err err = {0};
    const char *one = make_file("one.pem", &rsa), *two = make_file("two.pem", &ecdsa);
    struct tls_server_settings settings = {
        .cert_files = {one, two}, .key_files = {one, two}, .min = TLS_V1_2};
    struct tls_context *server = tls_context_server(&settings, &err);
    (void)state;
    assert_non_null(server);
    tls_context_unref(&server);
    settings.key_files[0] = two;
    settings.key_files[1] = one;
    assert_null(tls_context_server(&settings, &err));
    assert_non_null(strstr(err.words, "no private key that fits the certificate"));
    assert_non_null(strstr(err.words, "two.pem"));
}

/* As state_dir keeps them: both in one text, or RSA alone, as the first versions wrote it. */
static void from_memory(void **state)
{
    struct err err = {0};
    (void)state;
    for (int kinds = 1; kinds <= TLS_KINDS; kinds++) {
        struct buf pem;
        buf_init(&pem, 65536);
        for (int kind = 0; kind < kinds; kind++) {
            struct buf key;
            buf_init(&key, 16384);
            assert_int_equal(
                tls_self_signed("smtp.example.com", (enum tls_kind)kind, &pem, &key, &err), 0);
            assert_true(buf_append_slice(&pem, buf_view(&key)));
            buf_wipe(&key);
        }
        struct tls_server_settings settings = {.pem = buf_view(&pem), .min = TLS_V1_0};
        struct tls_context *server = tls_context_server(&settings, &err);
        assert_non_null(server);
        int shown = 0;
        for (long which = SSL_CERT_SET_FIRST; SSL_CTX_set_current_cert(server->ssl, which);
             which = SSL_CERT_SET_NEXT)
            shown++;
        assert_int_equal(shown, kinds);
        tls_context_unref(&server);
        buf_wipe(&pem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_client_gets_what_it_verifies),
        cmocka_unit_test(two_of_one_kind_are_refused),
        cmocka_unit_test(keys_go_with_the_certificates_in_their_order),
        cmocka_unit_test(from_memory),
    };
    return cmocka_run_group_tests(tests, make_authority, drop_authority);
}
