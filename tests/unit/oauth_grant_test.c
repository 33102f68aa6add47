/* What each flow sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "io/crypto.h"
#include "oauth/grant.h"

#define MICROSOFT                                                                                  \
    {                                                                                              \
        .account = "work", .identity = "scan@contoso.example", .tenant = "contoso.example",        \
        .client_id = "app 1&", .scope = "https://outlook.office365.com/.default",                  \
        .token_url = "https://login.test/token", .flow = TOKEN_APPLICATION                         \
    }

static EVP_PKEY *pkey;
static struct secret *key_pem, *cert_pem;

static struct secret *take(BIO *memory)
{
    char *data;
    size_t n = (size_t)BIO_get_mem_data(memory, &data);
    struct secret *s = secret_new(slice_make(data, n));
    BIO_free(memory);
    return s;
}

static int make_keys(void **state)
{
    BIO *key = BIO_new(BIO_s_mem()), *cert = BIO_new(BIO_s_mem());
    X509 *x = X509_new();
    (void)state;
    pkey = EVP_RSA_gen(2048);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, pkey);
    X509_sign(x, pkey, EVP_sha256());
    PEM_write_bio_PrivateKey(key, pkey, NULL, NULL, 0, NULL, NULL);
    PEM_write_bio_X509(cert, x);
    X509_free(x);
    key_pem = take(key);
    cert_pem = take(cert);
    return 0;
}

static int drop_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(pkey);
    secret_free(&key_pem);
    secret_free(&cert_pem);
    return 0;
}

static struct secret *form_of(const struct oauth_settings *s, struct oauth_inputs *inputs)
{
    struct err err = {0};
    const struct oauth_ingredients in = {
        .settings = s, .inputs = inputs, .moment = {.now = 1700000000, .random = {1, 2, 3}}};
    struct secret *form = oauth_form(oauth_flow_of(s), &in, &err);
    if (!form)
        fail_msg("%s", err.words);
    return form;
}

static void assert_form(const struct oauth_settings *s, struct oauth_inputs *inputs,
                        const char *wanted)
{
    struct secret *form = form_of(s, inputs);
    assert_string_equal(secret_reveal(form).data, wanted);
    secret_free(&form);
}

static void what_is_sent(void **state)
{
    struct oauth_settings s = MICROSOFT;
    struct secret *odd = secret_new(slice_of("a b+c&d=e%\xc3\xa4~"));
    struct oauth_inputs inputs = {
        .items = {
            [OAUTH_CLIENT_SECRET] = odd, [OAUTH_REFRESH_TOKEN] = odd, [OAUTH_ASSERTION] = odd}};
    (void)state;
    s.flow = TOKEN_REFRESH;
    assert_form(
        &s, &inputs,
        "grant_type=refresh_token&client_id=app%201%26&refresh_token=a%20b%2Bc%26d%3De%25%C3%A4~"
        "&scope=https%3A%2F%2Foutlook.office365.com%2F.default");
    s.flow = TOKEN_APPLICATION;
    s.client_secret_file = "/s";
    assert_form(&s, &inputs,
                "grant_type=client_credentials&client_id=app%201%26&client_secret=a%20b%2Bc%26d%"
                "3De%25%C3%A4~"
                "&scope=https%3A%2F%2Foutlook.office365.com%2F.default");
    s.flow = TOKEN_REFRESH;
    s.scope = NULL;
    assert_form(
        &s, &inputs,
        "grant_type=refresh_token&client_id=app%201%26&client_secret=a%20b%2Bc%26d%3De%25%C3%A4~"
        "&refresh_token=a%20b%2Bc%26d%3De%25%C3%A4~");
    s = (struct oauth_settings)MICROSOFT;
    s.assertion_file = "/j";
    assert_form(&s, &inputs,
                "grant_type=client_credentials&client_id=app%201%26&client_assertion_type="
                "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion="
                "a%20b%2Bc%26d%3De%25%C3%A4~"
                "&scope=https%3A%2F%2Foutlook.office365.com%2F.default");
    assert_true(oauth_flow_asserts(oauth_flow_of(&s), &s));
    secret_free(&odd);
}

/* ---- assertions ---- */

static json_t *part(struct slice *rest)
{
    struct buf text;
    size_t n = slice_find(*rest, '.');
    buf_init(&text, 4096);
    assert_true(base64url_decode(&text, slice_head(*rest, n)));
    json_t *o = json_loadb(buf_view(&text).data, text.len, 0, NULL);
    buf_free(&text);
    *rest = slice_from(*rest, n + 1);
    assert_non_null(o);
    return o;
}

static void assert_signed(struct slice token, bool pss)
{
    EVP_PKEY_CTX *ctx = NULL;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    struct buf signature;
    size_t n = token.len;
    while (token.data[n - 1] != '.')
        n--;
    buf_init(&signature, 512);
    assert_true(base64url_decode(&signature, slice_from(token, n)));
    assert_int_equal(EVP_DigestVerifyInit(digest, &ctx, EVP_sha256(), NULL, pkey), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) >
                0);
    assert_int_equal(EVP_DigestVerify(digest, (const unsigned char *)buf_view(&signature).data,
                                      signature.len, (const unsigned char *)token.data, n - 1),
                     1);
    EVP_MD_CTX_free(digest);
    buf_free(&signature);
}

static void assert_text(const json_t *o, const char *name, const char *wanted)
{
    assert_string_equal(json_string_value(json_object_get(o, name)), wanted);
}

static void the_assertion_of_a_certificate(void **state)
{
    struct oauth_settings s = MICROSOFT;
    struct oauth_inputs inputs = {
        .items = {[OAUTH_CLIENT_CERT] = cert_pem, [OAUTH_CLIENT_KEY] = key_pem}};
    static const char mark[] = "&client_assertion=";
    struct certificate_facts facts;
    struct err err;
    struct buf thumbprint;
    (void)state;
    s.client_cert = "/c";
    s.client_key = "/k";
    struct secret *form = form_of(&s, &inputs);
    const char *at = strstr(secret_reveal(form).data, mark) + strlen(mark);
    struct slice token = slice_make(at, strcspn(at, "&")), rest = token;
    assert_signed(token, true);
    json_t *header = part(&rest), *claims = part(&rest);
    assert_text(header, "alg", "PS256");
    assert_int_equal(certificate_read(secret_reveal(cert_pem), NULL, &facts, &err), 0);
    buf_init(&thumbprint, 64);
    assert_true(base64url_append(&thumbprint, slice_make(facts.sha256, 32)) &&
                buf_append(&thumbprint, "", 1));
    assert_text(header, "x5t#S256", buf_view(&thumbprint).data);
    assert_text(claims, "aud", "https://login.test/token");
    assert_text(claims, "iss", "app 1&");
    assert_text(claims, "sub", "app 1&");
    assert_text(claims, "jti", "AQIDAAAAAAAAAAAAAAAAAA");
    assert_int_equal(json_integer_value(json_object_get(claims, "nbf")), 1700000000);
    assert_int_equal(json_integer_value(json_object_get(claims, "exp")), 1700000300);
    buf_free(&thumbprint);
    json_decref(header);
    json_decref(claims);
    secret_free(&form);
}

static void the_assertion_of_a_service_account(void **state)
{
    struct oauth_settings s = {.identity = "scan@office.example",
                               .scope = "https://mail.google.com/",
                               .token_url = "https://oauth2.test/token",
                               .flow = TOKEN_SERVICE_ACCOUNT,
                               .service_account_file = "/g"};
    json_t *o = json_pack("{s:s,s:s,s:s}", "client_email", "robot@project.example",
                          "private_key_id", "k1", "private_key", secret_reveal(key_pem).data);
    char *text = json_dumps(o, 0);
    struct secret *json = secret_new(slice_of(text));
    struct oauth_inputs inputs = {.items = {[OAUTH_SERVICE_ACCOUNT] = json}};
    static const char mark[] = "&assertion=";
    (void)state;
    struct secret *form = form_of(&s, &inputs);
    assert_true(slice_starts(secret_reveal(form),
                             "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&"));
    const char *at = strstr(secret_reveal(form).data, mark) + strlen(mark);
    struct slice token = slice_of(at), rest = token;
    assert_signed(token, false);
    json_t *header = part(&rest), *claims = part(&rest);
    assert_text(header, "alg", "RS256");
    assert_text(header, "kid", "k1");
    assert_text(claims, "iss", "robot@project.example");
    assert_text(claims, "sub", "scan@office.example");
    assert_text(claims, "scope", "https://mail.google.com/");
    assert_text(claims, "aud", "https://oauth2.test/token");
    assert_true(json_integer_value(json_object_get(claims, "exp")) <= 1700000000 + 3600);
    json_decref(header);
    json_decref(claims);
    json_decref(o);
    free(text);
    secret_free(&json);
    secret_free(&form);
}

static void what_cannot_be_signed(void **state)
{
    struct oauth_settings s = MICROSOFT, google = {.identity = "i",
                                                   .scope = "s",
                                                   .token_url = "u",
                                                   .flow = TOKEN_SERVICE_ACCOUNT,
                                                   .service_account_file = "/g"};
    struct secret *nonsense = secret_new(slice_of("{\"client_email\":\"x\"}"));
    struct oauth_inputs inputs = {.items = {[OAUTH_CLIENT_CERT] = cert_pem,
                                            [OAUTH_CLIENT_KEY] = nonsense,
                                            [OAUTH_SERVICE_ACCOUNT] = nonsense}};
    struct err err;
    (void)state;
    s.client_cert = "/c";
    struct oauth_ingredients in = {.settings = &s, .inputs = &inputs};
    assert_null(oauth_form(oauth_flow_of(&s), &in, &err));
    assert_non_null(strstr(err.words, "no unencrypted private key"));
    in.settings = &google;
    assert_null(oauth_form(oauth_flow_of(&google), &in, &err));
    assert_non_null(strstr(err.words, "no JSON key of a service account"));
    secret_free(&nonsense);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent),
        cmocka_unit_test(the_assertion_of_a_certificate),
        cmocka_unit_test(the_assertion_of_a_service_account),
        cmocka_unit_test(what_cannot_be_signed),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
