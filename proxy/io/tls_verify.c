#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "io/tls_internal.h"

/* One certificate can have several faults. The most useful one is reported, always in the same
 * order: expiry before an unknown issuer, and that before a wrong name. */
static int rank(enum tls_fault fault)
{
    switch (fault) {
    case TLS_FAULT_PIN: return 5;
    case TLS_FAULT_EXPIRED: return 4;
    case TLS_FAULT_UNTRUSTED: return 3;
    case TLS_FAULT_NAME: return 2;
    case TLS_FAULT_OTHER: return 1;
    case TLS_FAULT_NONE: break;
    }
    return 0;
}

static enum tls_fault fault_of(int code)
{
    switch (code) {
    case X509_V_OK: return TLS_FAULT_NONE;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return TLS_FAULT_NAME;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID: return TLS_FAULT_EXPIRED;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_INVALID_CA: return TLS_FAULT_UNTRUSTED;
    default: return TLS_FAULT_OTHER;
    }
}

static const char *day(int64_t when, char out[16])
{
    time_t t = (time_t)when;
    struct tm tm;
    if (!gmtime_r(&t, &tm) || !strftime(out, 16, "%Y-%m-%d", &tm))
        strcpy(out, "?");
    return out;
}

static void say_dates(struct tls_facts *f, int code, int depth)
{
    char text[16];
    if (depth > 0)
        snprintf(f->fault_words, sizeof f->fault_words,
                 "the certificate of an issuer in the chain is %s",
                 code == X509_V_ERR_CERT_HAS_EXPIRED ? "expired" : "not valid yet");
    else if (code == X509_V_ERR_CERT_HAS_EXPIRED)
        snprintf(f->fault_words, sizeof f->fault_words, "the certificate expired on %s",
                 day(f->not_after, text));
    else
        snprintf(f->fault_words, sizeof f->fault_words,
                 "the certificate is valid only from %s on (is our clock right?)",
                 day(f->not_before, text));
}

static void say_name(struct tls_facts *f, const char *wanted)
{
    if (f->names[0])
        snprintf(f->fault_words, sizeof f->fault_words, "the certificate is for %.80s, not %.50s",
                 f->names, wanted);
    else
        snprintf(f->fault_words, sizeof f->fault_words,
                 "the certificate names no host at all, not %.80s either", wanted);
}

static void say_untrusted(struct tls_facts *f, int code)
{
    if (code == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT)
        snprintf(f->fault_words, sizeof f->fault_words,
                 "the certificate is signed by itself, not by a known authority");
    else if (code == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
             code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
             code == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
             code == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE)
        snprintf(f->fault_words, sizeof f->fault_words,
                 "the certificate's issuer is not a known authority: %.90s", f->issuer);
    else
        snprintf(f->fault_words, sizeof f->fault_words, "the certificate's chain is broken: %.100s",
                 X509_verify_cert_error_string(code));
}

static void note_fault(struct tls_session *s, int code, int depth)
{
    struct tls_facts *f = &s->facts;
    enum tls_fault fault = fault_of(code);
    if (rank(fault) <= rank(f->fault))
        return;
    f->fault = fault;
    switch (fault) {
    case TLS_FAULT_EXPIRED: say_dates(f, code, depth); break;
    case TLS_FAULT_NAME: say_name(f, s->ctx->name ? s->ctx->name : "-"); break;
    case TLS_FAULT_UNTRUSTED: say_untrusted(f, code); break;
    default:
        snprintf(f->fault_words, sizeof f->fault_words, "%.150s",
                 X509_verify_cert_error_string(code));
        break;
    }
}

static struct tls_session *session_of(X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    return SSL_get_app_data(ssl);
}

/* Notes each fault and lets the check continue, so that all are seen. tls_verify_chain decides. */
static int on_fault(int ok, X509_STORE_CTX *store)
{
    if (!ok)
        note_fault(session_of(store), X509_STORE_CTX_get_error(store),
                   X509_STORE_CTX_get_error_depth(store));
    return 1;
}

static bool pin_matches(const struct tls_context *ctx, X509 *certificate)
{
    uint8_t digest[32];
    if (!tls_certificate_digest(certificate, digest))
        return false;
    for (size_t i = 0; i < ctx->npins; i++)
        if (memcmp(digest, ctx->pins[i], sizeof digest) == 0)
            return true;
    return false;
}

static void check_pins(struct tls_session *s, X509 *certificate)
{
    if (pin_matches(s->ctx, certificate)) {
        s->facts.verified = true;
        return;
    }
    s->facts.fault = TLS_FAULT_PIN;
    snprintf(s->facts.fault_words, sizeof s->facts.fault_words,
             "the certificate's fingerprint is not a pinned one: it is %s", s->facts.sha256);
}

/* The chain as the peer sent it begins with the certificate itself. */
static bool came_alone(X509_STORE_CTX *store, X509 *certificate)
{
    return sk_X509_num(X509_STORE_CTX_get0_untrusted(store)) <= 1 &&
           X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) !=
               0;
}

int tls_verify_chain(X509_STORE_CTX *store, void *unused)
{
    struct tls_session *s = session_of(store);
    X509 *certificate = X509_STORE_CTX_get0_cert(store);
    (void)unused;
    if (!certificate)
        return 0;
    s->facts.fault = TLS_FAULT_NONE;
    tls_facts_of_certificate(&s->facts, certificate);
    s->facts.lone = came_alone(store, certificate);
    if (s->ctx->npins) {
        check_pins(s, certificate);
    } else {
        X509_STORE_CTX_set_verify_cb(store, on_fault);
        int sound = X509_verify_cert(store);
        if (sound <= 0 && s->facts.fault == TLS_FAULT_NONE)
            note_fault(s, X509_V_ERR_UNSPECIFIED, 0);
        s->facts.verified = s->facts.fault == TLS_FAULT_NONE;
    }
    /* The last error becomes the session's verify result, which a resumed handshake reads, and
     * chooses the alert to the peer. */
    if (s->facts.verified)
        X509_STORE_CTX_set_error(store, X509_V_OK);
    else if (X509_STORE_CTX_get_error(store) == X509_V_OK)
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return s->facts.verified || !s->ctx->verify;
}

static bool name_matches(const struct tls_context *ctx, X509 *certificate)
{
    if (!ctx->name)
        return true;
    if (ctx->name_is_address)
        return X509_check_ip_asc(certificate, ctx->name, 0) == 1;
    return X509_check_host(certificate, ctx->name, 0,
                           X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                               X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
                           NULL) == 1;
}

bool tls_verify_resumed(struct tls_session *s)
{
    X509 *certificate = SSL_get0_peer_certificate(s->ssl);
    if (!certificate)
        return false;
    tls_facts_of_certificate(&s->facts, certificate);
    if (s->ctx->npins) {
        check_pins(s, certificate);
        return s->facts.verified;
    }
    long result = SSL_get_verify_result(s->ssl);
    if (result != X509_V_OK)
        note_fault(s, (int)result, 0);
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0)
        note_fault(s, X509_V_ERR_CERT_HAS_EXPIRED, 0);
    if (!name_matches(s->ctx, certificate))
        note_fault(s, X509_V_ERR_HOSTNAME_MISMATCH, 0);
    s->facts.verified = s->facts.fault == TLS_FAULT_NONE;
    return s->facts.verified;
}
