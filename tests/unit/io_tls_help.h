/* Certificates made on the spot, and two streams that shake hands: for the tests of TLS. */
#ifndef UNIT_IO_TLS_HELP_H
#define UNIT_IO_TLS_HELP_H
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

static UNUSED const char *path_of(const char *name)
{
    static char paths[8][96];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

struct certificate {
    /* "DNS:a,IP:b"; NULL: no extension */
    const char *names;
    const char *common_name;
    /* days from now */
    long from, until;
    bool self_signed, rsa;
};

static UNUSED X509 *certify(const struct certificate *c, EVP_PKEY *key, bool is_authority)
{
    static long serial = 100;
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    bool by_itself = c->self_signed || is_authority;
    X509V3_CTX ctx;
    assert_true(X509_set_version(x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(x), serial++) &&
                X509_set_pubkey(x, key));
    assert_true(X509_gmtime_adj(X509_getm_notBefore(x), c->from * DAY) &&
                X509_gmtime_adj(X509_getm_notAfter(x), c->until * DAY));
    assert_true(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                           (const unsigned char *)c->common_name, -1, -1, 0));
    assert_true(
        X509_set_issuer_name(x, by_itself ? name : X509_get_subject_name(authority.certificate)));
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

static UNUSED void save(const char *path, X509 *x, EVP_PKEY *key)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(PEM_write_X509(f, x));
    assert_true(!key || PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL));
    fclose(f);
}

static UNUSED int make_authority(void **state)
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

static UNUSED int drop_authority(void **state)
{
    char command[128];
    (void)state;
    X509_free(authority.certificate);
    EVP_PKEY_free(authority.key);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command);
}

/* A server context with such a certificate, and with that of its issuer behind it or not. */
static UNUSED struct tls_context *server_with_issuer(const struct certificate *c, bool with_issuer)
{
    struct err err = {0};
    const char *path = path_of("chain.pem");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = certify(c, key, false);
    save(path, x, key);
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    assert_true(!with_issuer || PEM_write_X509(f, authority.certificate));
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
    struct tls_context *ctx = tls_context_server(
        &(struct tls_server_settings){.cert_files = {path}, .key_files = {path}, .min = TLS_V1_2},
        &err);
    assert_non_null(ctx);
    return ctx;
}

/* A server context with such a certificate; its SHA-256 goes to pin_r, which may be NULL. */
static UNUSED struct tls_context *server_with(const struct certificate *c, enum tls_version min,
                                              uint8_t pin_r[32])
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
    struct tls_server_settings settings = {.cert_files = {path}, .key_files = {path}, .min = min};
    struct tls_context *ctx = tls_context_server(&settings, &err);
    assert_string_equal(err.words, "");
    assert_non_null(ctx);
    return ctx;
}

static UNUSED struct tls_context *client_for(const char *name, bool verify)
{
    struct err err = {0};
    struct tls_client_settings settings = {
        .verify = verify, .ca_file = authority_file, .name = name, .min = TLS_V1_2};
    struct tls_context *ctx = tls_context_client(&settings, &err);
    assert_string_equal(err.words, "");
    return ctx;
}

static const struct certificate good = {.names = "DNS:smtp.example.com,DNS:mail.example.com",
                                        .common_name = "x",
                                        .from = -1,
                                        .until = 5};

static UNUSED void forget(struct tls_context **client, struct tls_context **server)
{
    tls_context_unref(client);
    tls_context_unref(server);
}

struct pair {
    struct loop *loop;
    struct owner client, server;
};

static UNUSED bool both_decided(void *arg)
{
    struct pair *p = arg;
    return (owner_has(&p->client, 'S') || owner_has(&p->client, 'F')) &&
           (owner_has(&p->server, 'S') || owner_has(&p->server, 'F'));
}

static UNUSED void shake_hands(struct pair *p, struct tls_context *client,
                               struct tls_context *server, const char *key, struct stream_caps caps)
{
    struct err err;
    p->loop = new_loop();
    owners_open(&p->client, &p->server, p->loop, caps);
    assert_int_equal(stream_start_tls(p->server.s, server, true, NULL, &err), 0);
    assert_int_equal(stream_start_tls(p->client.s, client, false, key, &err), 0);
    assert_non_null(stream_tls(p->client.s));
    spin_until(p->loop, both_decided, p);
}

static UNUSED void part(struct pair *p)
{
    owner_close(&p->client);
    owner_close(&p->server);
    loop_free(&p->loop);
}

/* Both sides talk over records of any size and small caps, then one says goodbye. */

#endif
