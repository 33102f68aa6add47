#include "io/tls_context.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/tls_internal.h"

struct kept_session {
    struct link link;
    char *key;
    SSL_SESSION *session;
};

static const int versions[] = {
    [TLS_V1_0] = TLS1_VERSION,
    [TLS_V1_1] = TLS1_1_VERSION,
    [TLS_V1_2] = TLS1_2_VERSION,
    [TLS_V1_3] = TLS1_3_VERSION,
};

static int set_versions(SSL_CTX *ssl, enum tls_version min, struct err *err)
{
    bool ok =
        SSL_CTX_set_min_proto_version(ssl, versions[min]) && SSL_CTX_set_max_proto_version(ssl, 0);
    if (ok && min < TLS_V1_2) {
        SSL_CTX_set_security_level(ssl, 0);
        ok = SSL_CTX_set_cipher_list(ssl, TLS_OLD_CIPHERS ":@SECLEVEL=0") &&
             SSL_CTX_set_dh_auto(ssl, 1);
    }
    if (!ok)
        tls_error(err, ERR_TLS, "TLS versions");
    return ok ? 0 : -1;
}

static struct tls_context *context_new(const SSL_METHOD *method, enum tls_version min,
                                       struct err *err)
{
    ERR_clear_error();
    SSL_CTX *ssl = SSL_CTX_new(method);
    if (!ssl) {
        tls_error(err, ERR_TLS, "TLS");
        return NULL;
    }
    struct tls_context *ctx = NEW(struct tls_context);
    ctx->refs = 1;
    ctx->ssl = ssl;
    link_init(&ctx->sessions);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    /* A read that met no data returns when its buffer is empty, instead of reading on. */
    SSL_CTX_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
    /* One system call reads a record, or several small ones, instead of two for each. */
    SSL_CTX_set_read_ahead(ssl, 1);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_clear_options(ssl, SSL_OP_ENABLE_KTLS);
    if (set_versions(ssl, min, err) < 0)
        tls_context_unref(&ctx);
    return ctx;
}

/* OpenSSL calls this for a new ticket: during the handshake up to TLS 1.2, and with the first bytes
 * read after it in TLS 1.3. Returns 1 to keep the session. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_session *s = SSL_get_app_data(ssl);
    if (!s || !s->resume_key || (s->ctx->verify && !s->facts.verified))
        return 0;
    struct tls_context *ctx = s->ctx;
    tls_context_forget_session(ctx, s->resume_key);
    if (ctx->nsessions == CAP_TLS_SESSIONS) {
        struct kept_session *oldest = CONTAINER(ctx->sessions.prev, struct kept_session, link);
        tls_context_forget_session(ctx, oldest->key);
    }
    struct kept_session *kept = NEW(struct kept_session);
    kept->key = mem_string(s->resume_key);
    kept->session = session;
    list_push_front(&ctx->sessions, &kept->link);
    ctx->nsessions++;
    return 1;
}

static struct kept_session *find_session(struct tls_context *ctx, const char *key)
{
    LIST_EACH (&ctx->sessions, it) {
        struct kept_session *kept = CONTAINER(it, struct kept_session, link);
        if (strcmp(kept->key, key) == 0)
            return kept;
    }
    return NULL;
}

static void drop_session(struct tls_context *ctx, struct kept_session *kept)
{
    link_remove(&kept->link);
    ctx->nsessions--;
    SSL_SESSION_free(kept->session);
    free(kept->key);
    free(kept);
}

SSL_SESSION *tls_context_session(struct tls_context *ctx, const char *key)
{
    struct kept_session *kept = find_session(ctx, key);
    if (kept && !SSL_SESSION_is_resumable(kept->session)) {
        drop_session(ctx, kept);
        kept = NULL;
    }
    return kept ? kept->session : NULL;
}

void tls_context_forget_session(struct tls_context *ctx, const char *key)
{
    struct kept_session *kept = find_session(ctx, key);
    if (kept)
        drop_session(ctx, kept);
}

static void expect_name(struct tls_context *ctx, const char *name)
{
    struct addr literal;
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx->ssl);
    if (addr_parse(slice_of(name), &literal)) {
        char text[ADDR_TEXT];
        /* It has no brackets. */
        ctx->name = mem_string(addr_text(&literal, text));
        ctx->name_is_address = true;
        X509_VERIFY_PARAM_set1_ip_asc(param, ctx->name);
        return;
    }
    ctx->name = mem_string(name);
    size_t len = strlen(name);
    /* The final dot is for resolvers. Certificates and SNI have none. */
    if (len > 1 && ctx->name[len - 1] == '.')
        ctx->name[len - 1] = 0;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                               X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set1_host(param, ctx->name, 0);
}

static int read_trust(struct tls_context *ctx, const char *ca_file, enum tls_file *at_fault,
                      struct err *err)
{
    if (ca_file && SSL_CTX_load_verify_file(ctx->ssl, ca_file) != 1)
        return tls_file_unusable("no certificates in PEM form in ", ca_file, TLS_FILE_CA, at_fault,
                                 err);
    if (ca_file)
        return 0;
    if (SSL_CTX_set_default_verify_paths(ctx->ssl) == 1) {
        ERR_clear_error();
        return 0;
    }
    tls_error(err, ERR_TLS, "the system's certificate authorities");
    return -1;
}

static int load_trust(struct tls_context *ctx, const struct tls_client_settings *settings,
                      struct err *err)
{
    if (settings->trust_of)
        SSL_CTX_set1_cert_store(ctx->ssl, SSL_CTX_get_cert_store(settings->trust_of->ssl));
    else if (read_trust(ctx, settings->ca_file, settings->at_fault, err) < 0)
        return -1;
    /* Every certificate in the named file is an anchor, even an intermediate or the server's
     * own. */
    if (settings->ca_file)
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx->ssl), X509_V_FLAG_PARTIAL_CHAIN);
    return 0;
}

struct tls_context *tls_context_client(const struct tls_client_settings *settings, struct err *err)
{
    struct tls_context *ctx = context_new(TLS_client_method(), settings->min, err);
    if (!ctx)
        return NULL;
    ctx->verify = settings->verify;
    if (settings->npins) {
        ctx->npins = settings->npins;
        ctx->pins = mem_alloc(sizeof *ctx->pins * ctx->npins);
        memcpy(ctx->pins, settings->pins, sizeof *ctx->pins * ctx->npins);
    }
    if (settings->name && settings->name[0])
        expect_name(ctx, settings->name);
    /* Without `verify` the callback accepts everything, but it fills the facts. */
    SSL_CTX_set_verify(ctx->ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx->ssl, tls_verify_chain, NULL);
    SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx->ssl, on_new_session);
    if (load_trust(ctx, settings, err) < 0 ||
        (settings->cert_file &&
         tls_certificate_load(ctx->ssl, settings->cert_file, settings->key_file, settings->at_fault,
                              err) < 0))
        tls_context_unref(&ctx);
    else
        ctx->expires = tls_certificates_expire(ctx->ssl);
    return ctx;
}

/* Strict ALPN (against ALPACA): a browser that was led here offers "http/1.1" and is refused in the
 * handshake. Mail clients offer nothing, or "smtp". */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
                   const unsigned char *in, unsigned inlen, void *arg)
{
    (void)ssl;
    (void)arg;
    for (unsigned at = 0; at < inlen; at += 1u + in[at]) {
        if (in[at] == 4 && at + 5 <= inlen && memcmp(in + at + 1, "smtp", 4) == 0) {
            *out = in + at + 1;
            *outlen = 4;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

struct tls_context *tls_context_server(const struct tls_server_settings *settings, struct err *err)
{
    static const unsigned char id[] = "smtp-detour";
    struct tls_context *ctx = context_new(TLS_server_method(), settings->min, err);
    if (!ctx)
        return NULL;
    ctx->is_server = true;
    SSL_CTX_set_options(ctx->ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
    /* Tickets replace the cache and need no memory of ours. */
    SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(ctx->ssl, id, sizeof id - 1);
    tls_tickets_begin(ctx);
    SSL_CTX_set_num_tickets(ctx->ssl, 1);
    SSL_CTX_set_alpn_select_cb(ctx->ssl, on_alpn, NULL);
    if (tls_certificates_load(ctx->ssl, settings, err) < 0)
        tls_context_unref(&ctx);
    else
        ctx->expires = tls_certificates_expire(ctx->ssl);
    return ctx;
}

int64_t tls_context_expires(const struct tls_context *ctx)
{
    return ctx->expires;
}

struct tls_context *tls_context_ref(struct tls_context *ctx)
{
    atomic_fetch_add(&ctx->refs, 1);
    return ctx;
}

void tls_context_unref(struct tls_context **ctx_p)
{
    struct tls_context *ctx = *ctx_p;
    *ctx_p = NULL;
    if (!ctx || atomic_fetch_sub(&ctx->refs, 1) > 1)
        return;
    while (!link_is_alone(&ctx->sessions))
        drop_session(ctx, CONTAINER(ctx->sessions.next, struct kept_session, link));
    tls_tickets_end(ctx);
    SSL_CTX_free(ctx->ssl);
    free(ctx->name);
    free(ctx->pins);
    free(ctx);
}
