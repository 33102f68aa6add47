#include "io/crypto.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

enum { WEAKEST_RSA = 2048, LONGEST_SIGNATURE = 2048 };

/* ---- base64url ---- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool base64url_append(struct buf *out, struct slice bytes)
{
    size_t whole = bytes.len / 3 * 4, rest = bytes.len % 3;
    if (buf_room(out) < whole + (rest ? rest + 1 : 0))
        return false;
    for (size_t i = 0; i < bytes.len; i += 3) {
        uint32_t group = 0;
        char text[4];
        size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (k < n ? (uint8_t)bytes.data[i + k] : 0u);
        for (size_t k = 0; k < 4; k++)
            text[k] = alphabet[group >> (18 - 6 * k) & 63];
        if (!buf_append(out, text, n + 1))
            return false;
    }
    return true;
}

bool base64url_decode(struct buf *out, struct slice text)
{
    if (text.len % 4 == 1 ||
        buf_room(out) < text.len / 4 * 3 + (text.len % 4 ? text.len % 4 - 1 : 0))
        return false;
    uint32_t group = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *at = text.data[i] ? strchr(alphabet, text.data[i]) : NULL;
        if (!at)
            return false;
        group = group << 6 | (uint32_t)(at - alphabet);
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        char byte = (char)(group >> bits & 255);
        if (!buf_append(out, &byte, 1))
            return false;
    }
    /* Bits that are left over must be 0. Otherwise the same bytes would have a second spelling. */
    return (group & ((1u << bits) - 1)) == 0;
}

/* ---- signing ---- */

struct signing_key {
    EVP_PKEY *pkey;
};

/* Without this, OpenSSL would ask the terminal for the passphrase of an encrypted key. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static BIO *open_text(struct slice text)
{
    return BIO_new_mem_buf(text.data, (int)text.len);
}

struct signing_key *signing_key_new(struct slice pem, struct err *err)
{
    BIO *text = open_text(pem);
    EVP_PKEY *pkey = text ? PEM_read_bio_PrivateKey(text, NULL, no_passphrase, NULL) : NULL;
    BIO_free(text);
    ERR_clear_error();
    if (!pkey)
        err_set(err, ERR_INVALID, "there is no unencrypted private key (PEM) in it");
    else if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA)
        err_set(err, ERR_INVALID, "the key is none of RSA, which these assertions need");
    else if (EVP_PKEY_get_bits(pkey) < WEAKEST_RSA)
        err_set(err, ERR_INVALID, "the key has %d bits; at least %d are needed",
                EVP_PKEY_get_bits(pkey), WEAKEST_RSA);
    else {
        struct signing_key *key = NEW(struct signing_key);
        key->pkey = pkey;
        return key;
    }
    EVP_PKEY_free(pkey);
    return NULL;
}

void signing_key_free(struct signing_key **key)
{
    if (*key)
        EVP_PKEY_free((*key)->pkey);
    free(*key);
    *key = NULL;
}

static bool choose_padding(EVP_PKEY_CTX *ctx, enum signature how)
{
    if (how == SIGN_RS256)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0;
}

int signing_key_sign(const struct signing_key *key, enum signature how, struct slice bytes,
                     struct buf *out, struct err *err)
{
    unsigned char signature[LONGEST_SIGNATURE];
    size_t n = sizeof signature;
    EVP_PKEY_CTX *ctx = NULL;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool ok =
        digest && EVP_DigestSignInit(digest, &ctx, EVP_sha256(), NULL, key->pkey) == 1 &&
        choose_padding(ctx, how) &&
        EVP_DigestSign(digest, signature, &n, (const unsigned char *)bytes.data, bytes.len) == 1 &&
        buf_append(out, signature, n);
    EVP_MD_CTX_free(digest);
    ERR_clear_error();
    if (!ok)
        err_set(err, ERR_SYSTEM, "the key cannot sign");
    return ok ? 0 : -1;
}

static int64_t unix_time(const ASN1_TIME *t)
{
    struct tm tm;
    return t && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

int certificate_read(struct slice pem, const struct signing_key *key,
                     struct certificate_facts *facts_r, struct err *err)
{
    unsigned n = 0;
    BIO *text = open_text(pem);
    X509 *x = text ? PEM_read_bio_X509(text, NULL, no_passphrase, NULL) : NULL;
    BIO_free(text);
    memset(facts_r, 0, sizeof *facts_r);
    bool ok = x && X509_digest(x, EVP_sha256(), facts_r->sha256, &n) == 1;
    if (ok) {
        facts_r->not_before = unix_time(X509_get0_notBefore(x));
        facts_r->not_after = unix_time(X509_get0_notAfter(x));
        facts_r->matches = key && X509_check_private_key(x, key->pkey) == 1;
    } else {
        err_set(err, ERR_INVALID, "there is no certificate (PEM) in it");
    }
    X509_free(x);
    ERR_clear_error();
    return ok ? 0 : -1;
}

/* ---- digests ---- */

/* These calls fail only when memory runs out. */
static void must(bool worked)
{
    if (!worked)
        abort();
}

void sha256(struct slice bytes, uint8_t out[32])
{
    must(EVP_Digest(bytes.data, bytes.len, out, NULL, EVP_sha256(), NULL) == 1);
}

void hmac_sha256(struct slice key, struct slice bytes, uint8_t out[32])
{
    unsigned n = 32;
    must(HMAC(EVP_sha256(), key.data, (int)key.len, (const unsigned char *)bytes.data, bytes.len,
              out, &n) != NULL);
}

/* OpenSSL's parameters take pointers to mutable data that it does not change. */
static OSSL_PARAM octets(const char *name, struct slice s)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)s.data, s.len);
}

bool hkdf_sha256(struct slice key, struct slice salt, struct slice info, uint8_t *out, size_t n)
{
    char digest[] = "SHA256";
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        octets(OSSL_KDF_PARAM_KEY, key),
        octets(OSSL_KDF_PARAM_SALT, salt),
        octets(OSSL_KDF_PARAM_INFO, info),
        OSSL_PARAM_construct_end(),
    };
    bool ok = ctx && EVP_KDF_derive(ctx, out, n, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    ERR_clear_error();
    return ok;
}

/* ---- sealing ---- */

static const unsigned char *octets_of(struct slice s)
{
    return (const unsigned char *)s.data;
}

bool seal(const uint8_t key[SEAL_KEY], const uint8_t nonce[SEAL_NONCE], struct slice beside,
          struct slice clear, struct buf *out)
{
    size_t n = SEAL_NONCE + clear.len + SEAL_TAG, room;
    int len;
    if (buf_room(out) < n)
        return false;
    unsigned char *to = (unsigned char *)buf_space(out, n, &room);
    memcpy(to, nonce, SEAL_NONCE);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok =
        ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
        EVP_EncryptUpdate(ctx, NULL, &len, octets_of(beside), (int)beside.len) == 1 &&
        EVP_EncryptUpdate(ctx, to + SEAL_NONCE, &len, octets_of(clear), (int)clear.len) == 1 &&
        EVP_EncryptFinal_ex(ctx, to + SEAL_NONCE + clear.len, &len) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, SEAL_TAG, to + SEAL_NONCE + clear.len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (ok)
        buf_commit(out, n);
    return ok;
}

bool unseal(const uint8_t key[SEAL_KEY], struct slice beside, struct slice sealed, struct buf *out)
{
    unsigned char tag[SEAL_TAG];
    size_t room;
    int len;
    if (sealed.len < SEAL_NONCE + SEAL_TAG || buf_room(out) < sealed.len - SEAL_NONCE - SEAL_TAG)
        return false;
    size_t n = sealed.len - SEAL_NONCE - SEAL_TAG;
    memcpy(tag, sealed.data + SEAL_NONCE + n, SEAL_TAG);
    /* There is one octet more, so that an empty text has a place, too. */
    unsigned char *to = mem_alloc(n + 1);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = ctx &&
              EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, octets_of(sealed)) == 1 &&
              EVP_DecryptUpdate(ctx, NULL, &len, octets_of(beside), (int)beside.len) == 1 &&
              EVP_DecryptUpdate(ctx, to, &len, octets_of(sealed) + SEAL_NONCE, (int)n) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, SEAL_TAG, tag) == 1 &&
              EVP_DecryptFinal_ex(ctx, to + n, &len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    char *space = ok ? buf_space(out, n, &room) : NULL;
    if (ok && n) {
        memcpy(space, to, n);
        buf_commit(out, n);
    }
    secret_erase(to, n + 1);
    free(to);
    return ok;
}
