/* io/crypto against vectors of the RFCs and against OpenSSL's other half. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "io/crypto.h"

static struct slice text(const char *s)
{
    return slice_make(s, strlen(s));
}

static void from_hex(const char *hex, uint8_t *out)
{
    for (size_t i = 0; hex[2 * i]; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
}

static void assert_hex(const uint8_t *bytes, const char *hex)
{
    uint8_t wanted[128];
    from_hex(hex, wanted);
    assert_memory_equal(bytes, wanted, strlen(hex) / 2);
}

static void base64url(void **state)
{
    static const struct {
        const char *bytes, *text;
    } rows[] = {{"", ""},        {"f", "Zg"},        {"fo", "Zm8"},
                {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"\xfb\xff\xfe", "-__-"}};
    static const char *const bad[] = {"Z", "Zg==", "Z+8", "Zm8/", "Zh", "Zm9", "Zm9vY", "Z g"};
    struct buf b;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        buf_init(&b, 64);
        assert_true(base64url_append(&b, text(rows[i].bytes)));
        assert_true(slice_is(buf_view(&b), rows[i].text));
        buf_clear(&b);
        assert_true(base64url_decode(&b, text(rows[i].text)));
        assert_true(slice_is(buf_view(&b), rows[i].bytes));
        buf_free(&b);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        buf_init(&b, 64);
        assert_false(base64url_decode(&b, text(bad[i])));
        buf_free(&b);
    }
    buf_init(&b, 3);
    assert_false(base64url_append(&b, text("foo")));
    assert_int_equal(b.len, 0);
}

static char *pem_of(EVP_PKEY *key, const char *passphrase)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *data;
    assert_true(PEM_write_bio_PrivateKey(memory, key, passphrase ? EVP_aes_128_cbc() : NULL, NULL,
                                         0, NULL, (void *)(uintptr_t)passphrase));
    long n = BIO_get_mem_data(memory, &data);
    char *copy = strndup(data, (size_t)n);
    BIO_free(memory);
    return copy;
}

static bool verifies(EVP_PKEY *key, enum signature how, struct slice bytes, struct slice signature)
{
    EVP_PKEY_CTX *ctx = NULL;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool pss = how == SIGN_PS256;
    assert_int_equal(EVP_DigestVerifyInit(digest, &ctx, EVP_sha256(), NULL, key), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) >
                0);
    assert_true(!pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, 32) > 0);
    int sound = EVP_DigestVerify(digest, (const unsigned char *)signature.data, signature.len,
                                 (const unsigned char *)bytes.data, bytes.len);
    EVP_MD_CTX_free(digest);
    return sound == 1;
}

static void signatures(void **state)
{
    struct err err;
    struct buf out;
    EVP_PKEY *pkey = EVP_RSA_gen(2048);
    char *pem = pem_of(pkey, NULL);
    struct signing_key *key = signing_key_new(text(pem), &err);
    (void)state;
    assert_non_null(key);
    for (int how = SIGN_RS256; how <= SIGN_PS256; how++) {
        buf_init(&out, 4096);
        assert_int_equal(
            signing_key_sign(key, (enum signature)how, text("header.claims"), &out, &err), 0);
        assert_int_equal(out.len, 256);
        assert_true(verifies(pkey, (enum signature)how, text("header.claims"), buf_view(&out)));
        assert_false(verifies(pkey, how == SIGN_RS256 ? SIGN_PS256 : SIGN_RS256,
                              text("header.claims"), buf_view(&out)));
        assert_false(verifies(pkey, (enum signature)how, text("header.claimz"), buf_view(&out)));
        buf_free(&out);
    }
    signing_key_free(&key);
    assert_null(key);
    free(pem);
    EVP_PKEY_free(pkey);
}

static void refuse(EVP_PKEY *pkey, const char *passphrase, const char *words)
{
    struct err err;
    char *pem = pem_of(pkey, passphrase);
    assert_null(signing_key_new(text(pem), &err));
    assert_non_null(strstr(err.words, words));
    free(pem);
    EVP_PKEY_free(pkey);
}

static void keys_that_do_not_do(void **state)
{
    struct err err;
    (void)state;
    assert_null(signing_key_new(
        text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), &err));
    assert_null(signing_key_new(text(""), &err));
    assert_non_null(strstr(err.words, "no unencrypted private key"));
    refuse(EVP_EC_gen("P-256"), NULL, "none of RSA");
    refuse(EVP_RSA_gen(1024), NULL, "1024 bits");
    refuse(EVP_RSA_gen(2048), "passphrase", "no unencrypted");
}

static void certificates(void **state)
{
    struct err err;
    struct certificate_facts facts;
    EVP_PKEY *pkey = EVP_RSA_gen(2048), *other = EVP_RSA_gen(2048);
    char *pem = pem_of(pkey, NULL), *wrong = pem_of(other, NULL), *data;
    uint8_t digest[32];
    X509 *x = X509_new();
    (void)state;
    /* Not by a time_t: the library's may be smaller than ours. */
    assert_true(ASN1_TIME_set_string(X509_getm_notBefore(x), "231114221320Z") &&
                ASN1_TIME_set_string(X509_getm_notAfter(x), "270115080000Z"));
    assert_true(X509_set_pubkey(x, pkey) && X509_sign(x, pkey, EVP_sha256()) > 0);
    assert_true(X509_digest(x, EVP_sha256(), digest, NULL));
    BIO *memory = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio_X509(memory, x));
    struct slice certificate = slice_make(NULL, 0);
    certificate.len = (size_t)BIO_get_mem_data(memory, &data);
    certificate.data = data;
    struct signing_key *key = signing_key_new(text(pem), &err),
                       *no = signing_key_new(text(wrong), &err);
    assert_int_equal(certificate_read(certificate, key, &facts, &err), 0);
    assert_memory_equal(facts.sha256, digest, 32);
    assert_int_equal(facts.not_before, 1700000000);
    assert_int_equal(facts.not_after, 1800000000);
    assert_true(facts.matches);
    assert_int_equal(certificate_read(certificate, no, &facts, &err), 0);
    assert_false(facts.matches);
    assert_int_equal(certificate_read(text(pem), key, &facts, &err), -1);
    signing_key_free(&key);
    signing_key_free(&no);
    BIO_free(memory);
    X509_free(x);
    free(pem);
    free(wrong);
    EVP_PKEY_free(pkey);
    EVP_PKEY_free(other);
}

/* RFC 6234, RFC 4231 case 2, RFC 5869 cases 1 and 3. */
static void digests(void **state)
{
    uint8_t out[42], ikm[22], salt[13], info[10];
    (void)state;
    sha256(text("abc"), out);
    assert_hex(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hmac_sha256(text("Jefe"), text("what do ya want for nothing?"), out);
    assert_hex(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(ikm, 0x0b, sizeof ikm);
    from_hex("000102030405060708090a0b0c", salt);
    from_hex("f0f1f2f3f4f5f6f7f8f9", info);
    assert_true(
        hkdf_sha256(slice_make(ikm, 22), slice_make(salt, 13), slice_make(info, 10), out, 42));
    assert_hex(
        out,
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    assert_true(hkdf_sha256(slice_make(ikm, 22), text(""), text(""), out, 42));
    assert_hex(
        out,
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

static void sealing(void **state)
{
    uint8_t key[SEAL_KEY] = {7}, other[SEAL_KEY] = {8}, nonce[SEAL_NONCE] = {1};
    struct buf sealed, clear;
    (void)state;
    for (size_t n = 0; n < 40; n += 13) {
        char message[40] = "forty octets of something, or less of it";
        buf_init(&sealed, 100);
        buf_init(&clear, 100);
        assert_true(seal(key, nonce, text("account"), slice_make(message, n), &sealed));
        assert_int_equal(sealed.len, SEAL_NONCE + n + SEAL_TAG);
        assert_true(unseal(key, text("account"), buf_view(&sealed), &clear));
        assert_int_equal(clear.len, n);
        assert_true(n == 0 || memcmp(buf_view(&clear).data, message, n) == 0);
        buf_clear(&clear);
        assert_false(unseal(other, text("account"), buf_view(&sealed), &clear));
        assert_false(unseal(key, text("other"), buf_view(&sealed), &clear));
        assert_false(
            unseal(key, text("account"), slice_head(buf_view(&sealed), sealed.len - 1), &clear));
        for (size_t i = 0; i < sealed.len; i++) {
            sealed.data[sealed.head + i] ^= 1;
            assert_false(unseal(key, text("account"), buf_view(&sealed), &clear));
            sealed.data[sealed.head + i] ^= 1;
        }
        assert_int_equal(clear.len, 0);
        buf_free(&sealed);
        buf_free(&clear);
    }
}

/* The GCM specification's test case 14, with its tag. */
static void sealing_as_others_do(void **state)
{
    uint8_t key[SEAL_KEY] = {0}, nonce[SEAL_NONCE] = {0}, zeros[16] = {0};
    struct buf sealed;
    (void)state;
    buf_init(&sealed, 100);
    assert_true(seal(key, nonce, text(""), slice_make(zeros, 16), &sealed));
    assert_hex((const uint8_t *)buf_view(&sealed).data + SEAL_NONCE,
               "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
    buf_free(&sealed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64url),
        cmocka_unit_test(signatures),
        cmocka_unit_test(keys_that_do_not_do),
        cmocka_unit_test(certificates),
        cmocka_unit_test(digests),
        cmocka_unit_test(sealing),
        cmocka_unit_test(sealing_as_others_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
