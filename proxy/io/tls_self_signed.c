#include "io/tls_self_signed.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "io/tls_internal.h"

enum { DAY = 24 * 60 * 60, VALID_DAYS = 3650, SERIAL_BITS = 120 };

static bool add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&ctx);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = extension && X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
    return ok;
}

static bool set_serial(X509 *x)
{
    BIGNUM *serial = BN_new();
    bool ok = serial && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
              BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x));
    BN_free(serial);
    return ok;
}

static bool fill(X509 *x, EVP_PKEY *key, const char *host)
{
    char names[300];
    struct addr literal;
    X509_NAME *name = X509_get_subject_name(x);
    bool is_address = addr_parse(slice_of(host), &literal);
    int n = snprintf(names, sizeof names, "%s:%s", is_address ? "IP" : "DNS", host);
    if (n < 0 || (size_t)n >= sizeof names || slice_find(slice_of(host), ',') < slice_of(host).len)
        return false;
    /* A subject's name has at most 64 octets (RFC 5280, upper bounds). The whole name is in the
     * extension. */
    int name_len = (int)slice_head(slice_of(host), 64).len;
    return X509_set_version(x, 2) && set_serial(x) &&
           X509_gmtime_adj(X509_getm_notBefore(x), -DAY) &&
           X509_time_adj_ex(X509_getm_notAfter(x), VALID_DAYS, 0, NULL) &&
           X509_set_pubkey(x, key) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)host,
                                      name_len, -1, 0) &&
           X509_set_issuer_name(x, name) &&
           add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, NID_subject_alt_name, names) &&
           add_extension(x, NID_ext_key_usage, "serverAuth") && X509_sign(x, key, EVP_sha256()) > 0;
}

static bool take_out(BIO *memory, struct buf *out)
{
    char *data;
    long len = BIO_get_mem_data(memory, &data);
    return len > 0 && buf_append(out, data, (size_t)len);
}

int tls_self_signed(const char *host, enum tls_kind kind, struct buf *certificate,
                    struct buf *key_out, struct err *err)
{
    ERR_clear_error();
    EVP_PKEY *key = kind == TLS_KIND_RSA ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    X509 *x = X509_new();
    BIO *cert_pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_secmem());
    bool ok = key && x && cert_pem && key_pem && fill(x, key, host) &&
              PEM_write_bio_X509(cert_pem, x) &&
              PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL);
    if (!ok)
        tls_error(err, ERR_TLS, "self-signed certificate");
    else if (!take_out(cert_pem, certificate) || !take_out(key_pem, key_out)) {
        err_set(err, ERR_LIMIT, "self-signed certificate: it does not fit");
        ok = false;
    }
    BIO_free(cert_pem);
    BIO_free(key_pem);
    X509_free(x);
    EVP_PKEY_free(key);
    return ok ? 0 : -1;
}
