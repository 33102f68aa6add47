/* The certificates that a context shows, and their keys. A server may have two, of different kinds:
 * which one a client gets follows from what it says that it can verify. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

#include "io/tls_internal.h"

/* A key with a passphrase is an error: nobody is there to type it, and the default would ask the
 * terminal. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)arg;
    return 0;
}

int tls_file_unusable(const char *what, const char *file, enum tls_file which,
                      enum tls_file *at_fault, struct err *err)
{
    char doing[256];
    if (at_fault)
        *at_fault = which;
    snprintf(doing, sizeof doing, "%s%s", what, file);
    tls_error(err, ERR_TLS, doing);
    return -1;
}

int tls_certificate_load(SSL_CTX *ssl, const char *cert_file, const char *key_file,
                         enum tls_file *at_fault, struct err *err)
{
    enum tls_file key = key_file ? TLS_FILE_KEY : TLS_FILE_CERTIFICATE;
    if (!key_file)
        key_file = cert_file;
    SSL_CTX_set_default_passwd_cb(ssl, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(ssl, cert_file) != 1)
        return tls_file_unusable("no certificate in PEM form in ", cert_file, TLS_FILE_CERTIFICATE,
                                 at_fault, err);
    /* This also finds out whether the two belong together. */
    if (SSL_CTX_use_PrivateKey_file(ssl, key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ssl) != 1)
        return tls_file_unusable(
            "no private key that fits the certificate, in PEM form and without a passphrase, in ",
            key_file, key, at_fault, err);
    return 0;
}

/* The certificates from memory, each followed by its key. */
static int load_pem(SSL_CTX *ssl, struct slice pem, struct err *err)
{
    BIO *memory = BIO_new_mem_buf(pem.data, (int)pem.len);
    bool ok = memory != NULL;
    size_t n = 0;
    while (ok && n < TLS_CERTIFICATES && (n == 0 || !BIO_eof(memory))) {
        X509 *certificate = PEM_read_bio_X509(memory, NULL, no_passphrase, NULL);
        EVP_PKEY *key =
            certificate ? PEM_read_bio_PrivateKey(memory, NULL, no_passphrase, NULL) : NULL;
        ok = key && SSL_CTX_use_certificate(ssl, certificate) == 1 &&
             SSL_CTX_use_PrivateKey(ssl, key) == 1;
        X509_free(certificate);
        EVP_PKEY_free(key);
        n++;
    }
    BIO_free(memory);
    if (!ok)
        tls_error(err, ERR_TLS, "certificate and key");
    return ok ? 0 : -1;
}

static int kind_of_newest(SSL_CTX *ssl)
{
    return EVP_PKEY_get_base_id(SSL_CTX_get0_privatekey(ssl));
}

/* OpenSSL holds one certificate of each kind, and a second RSA one would silently replace the
 * first. */
static int load_files(SSL_CTX *ssl, const struct tls_server_settings *settings, struct err *err)
{
    int kinds[TLS_CERTIFICATES];
    for (size_t i = 0; i < TLS_CERTIFICATES && settings->cert_files[i]; i++) {
        if (tls_certificate_load(ssl, settings->cert_files[i], settings->key_files[i], NULL, err) <
            0)
            return -1;
        kinds[i] = kind_of_newest(ssl);
        for (size_t k = 0; k < i; k++) {
            if (kinds[k] != kinds[i])
                continue;
            err_set(err, ERR_INVALID,
                    "%s and %s are of one kind (%s); two are for clients of two kinds: one RSA, "
                    "one ECDSA",
                    settings->cert_files[k], settings->cert_files[i], OBJ_nid2sn(kinds[i]));
            return -1;
        }
    }
    return 0;
}

/* Up to TLS 1.1 a client cannot say which signatures it verifies, and the devices that still speak
 * it often list ECDSA suites which they do not finish: RSA goes first there. From TLS 1.2 on the
 * suites and the signature algorithms that the client lists decide. */
static int on_client_known(SSL *ssl, void *arg)
{
    (void)arg;
    return SSL_version(ssl) >= TLS1_2_VERSION ||
           SSL_set_cipher_list(ssl, TLS_OLD_CIPHERS ":+aECDSA:@SECLEVEL=0");
}

int tls_certificates_load(SSL_CTX *ssl, const struct tls_server_settings *settings, struct err *err)
{
    SSL_CTX_set_cert_cb(ssl, on_client_known, NULL);
    return settings->cert_files[0] ? load_files(ssl, settings, err)
                                   : load_pem(ssl, settings->pem, err);
}

int64_t tls_certificates_expire(SSL_CTX *ssl)
{
    int64_t first = 0;
    for (long which = SSL_CERT_SET_FIRST; SSL_CTX_set_current_cert(ssl, which);
         which = SSL_CERT_SET_NEXT) {
        int64_t until = tls_unix_time(X509_get0_notAfter(SSL_CTX_get0_certificate(ssl)));
        if (first == 0 || until < first)
            first = until;
    }
    return first;
}
