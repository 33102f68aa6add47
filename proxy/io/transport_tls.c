#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/tls_internal.h"
#include "io/transport_fd.h"

static struct tls_session *session_of(const struct transport *base)
{
    return fd_transport(base)->tls;
}

/* RFC 8446 section 6.2: what a server says about the certificate that a client shows or fails to
 * show. In TLS 1.3 it comes after the handshake. */
static void note_alert(struct tls_session *s)
{
    switch (ERR_GET_REASON(tls_error_peek())) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE: s->facts.wants_ours = !s->as_server; break;
    default: break;
    }
}

/* Describes the failure of a call. OpenSSL's queue is thread-wide: it was emptied before the call
 * and is read right after. */
static ssize_t failed_io(struct tls_session *s, int code, int number, const char *doing,
                         struct err *err)
{
    if (code == SSL_ERROR_ZERO_RETURN) {
        err_set(err, ERR_CLOSED, "the peer closed the connection");
        return -1;
    }
    if (code == SSL_ERROR_SYSCALL) {
        if (number)
            err_set_errno(err, number, doing);
        else
            err_set(err, ERR_RESET, "the peer cut the TLS connection without a goodbye");
        ERR_clear_error();
        return -1;
    }
    s->broken = true;
    note_alert(s);
    if (ERR_GET_REASON(tls_error_peek()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        err_set(err, ERR_RESET, "the peer cut the TLS connection without a goodbye");
        ERR_clear_error();
    } else {
        tls_error(err, ERR_TLS, doing);
    }
    return -1;
}

/* Sends close_notify, then FIN. If the socket is full, close_notify waits: tls_want asks for room,
 * and the next read tries again. */
static void say_goodbye(struct transport *base)
{
    struct tls_session *s = session_of(base);
    if (s->goodbye_due) {
        ERR_clear_error();
        int sent = SSL_shutdown(s->ssl);
        s->goodbye_due = sent < 0 && SSL_get_error(s->ssl, sent) == SSL_ERROR_WANT_WRITE;
        ERR_clear_error();
    }
    if (!s->goodbye_due)
        shutdown(fd_transport(base)->fd, SHUT_WR);
}

static ssize_t tls_read(struct transport *base, void *out, size_t n, struct err *err)
{
    struct tls_session *s = session_of(base);
    size_t got = 0;
    if (s->goodbye_due)
        say_goodbye(base);
    if (s->broken) {
        err_set(err, ERR_TLS, "the TLS connection is broken");
        return -1;
    }
    ERR_clear_error();
    errno = 0;
    s->starved = false;
    int ok = SSL_read_ex(s->ssl, out, n, &got);
    int number = errno;
    int code = SSL_get_error(s->ssl, ok);
    if (tls_records_judge(s, err) < 0)
        return -1;
    s->data += got;
    s->read_wants_write = !ok && code == SSL_ERROR_WANT_WRITE;
    if (ok)
        return (ssize_t)got;
    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE)
        return 0;
    return failed_io(s, code, number, "TLS read", err);
}

static ssize_t tls_write(struct transport *base, const void *data, size_t n, struct err *err)
{
    struct tls_session *s = session_of(base);
    size_t put = 0;
    if (s->broken) {
        err_set(err, ERR_TLS, "the TLS connection is broken");
        return -1;
    }
    ERR_clear_error();
    errno = 0;
    int ok = SSL_write_ex(s->ssl, data, n, &put);
    int number = errno;
    int code = SSL_get_error(s->ssl, ok);
    s->write_wants_read = !ok && code == SSL_ERROR_WANT_READ;
    if (ok)
        return (ssize_t)put;
    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE)
        return 0;
    return failed_io(s, code, number, "TLS write", err);
}

/* The record may have left in whole or in part although OpenSSL says "again". */
static bool tls_write_is_uncertain(const struct transport *base)
{
    (void)base;
    return true;
}

static enum transport_step tls_connect_step(struct transport *base, struct err *err)
{
    (void)base;
    (void)err;
    return TRANSPORT_DONE;
}

static void note_connection(struct tls_session *s)
{
    const char *cipher = SSL_get_cipher_name(s->ssl);
    strncpy(s->facts.version, SSL_get_version(s->ssl), sizeof s->facts.version - 1);
    strncpy(s->facts.cipher, cipher ? cipher : "", sizeof s->facts.cipher - 1);
    s->facts.resumed = SSL_session_reused(s->ssl);
}

static enum err_cause cause_of(int reason)
{
    switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL: return ERR_CAUSE_TLS_VERSION;
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN: return ERR_CAUSE_TLS_DISTRUST;
    case SSL_R_HTTP_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER: return ERR_CAUSE_NOT_TLS;
    default: return ERR_CAUSE_OTHER;
    }
}

static enum transport_step handshake_failed(struct tls_session *s, int code, int number,
                                            struct err *err)
{
    unsigned long reason = tls_error_peek();
    s->broken = true;
    note_alert(s);
    /* The remembered session may be the cause. */
    if (s->resume_key)
        tls_context_forget_session(s->ctx, s->resume_key);
    if (!s->as_server && s->ctx->verify && s->facts.fault != TLS_FAULT_NONE)
        err_set(err, ERR_CERTIFICATE, "%s", s->facts.fault_words);
    else if (code == SSL_ERROR_SYSCALL && number)
        err_set_errno(err, number, "TLS handshake");
    else if (code == SSL_ERROR_SYSCALL || code == SSL_ERROR_ZERO_RETURN ||
             ERR_GET_REASON(reason) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        err_set(err, ERR_CLOSED, "the peer closed the connection during the TLS handshake");
    else if (ERR_GET_REASON(reason) == SSL_R_WRONG_VERSION_NUMBER && !s->facts.version[0] &&
             !s->as_server)
        err_set(err, ERR_TLS,
                "TLS handshake: the peer does not speak TLS here (wrong version number)");
    else
        tls_error(err, ERR_TLS, "TLS handshake");
    if (err->kind == ERR_TLS)
        err->cause = cause_of(ERR_GET_REASON(reason));
    ERR_clear_error();
    return TRANSPORT_FAILED;
}

static enum transport_step tls_handshake_step(struct transport *base, struct err *err)
{
    struct tls_session *s = session_of(base);
    ERR_clear_error();
    errno = 0;
    int ok = SSL_do_handshake(s->ssl);
    int number = errno;
    int code = SSL_get_error(s->ssl, ok);
    if (tls_records_judge(s, err) < 0)
        return TRANSPORT_FAILED;
    if (ok != 1 && (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE)) {
        s->handshake_wants_write = code == SSL_ERROR_WANT_WRITE;
        return TRANSPORT_AGAIN;
    }
    if (ok != 1)
        return handshake_failed(s, code, number, err);
    note_connection(s);
    /* In a resumed handshake no certificate is sent and no callback runs. */
    if (!s->as_server && s->facts.resumed && !tls_verify_resumed(s) && s->ctx->verify) {
        if (!s->facts.fault_words[0])
            strcpy(s->facts.fault_words, "the resumed session has no certificate");
        if (s->facts.fault == TLS_FAULT_NONE)
            s->facts.fault = TLS_FAULT_OTHER;
        return handshake_failed(s, SSL_ERROR_SSL, 0, err);
    }
    tls_records_begin_data(s);
    return TRANSPORT_DONE;
}

static const struct tls_facts *tls_tls(const struct transport *base)
{
    return &session_of(base)->facts;
}

static void tls_want(struct transport *base, bool want_read, bool want_write)
{
    const struct tls_session *s = session_of(base);
    int events = 0;
    if (!s->established) {
        if (want_read || want_write)
            events = s->handshake_wants_write ? EV_WRITE : EV_READ;
    } else {
        if (want_read)
            events |= s->read_wants_write ? EV_WRITE : EV_READ;
        if (want_write)
            events |= s->write_wants_read ? EV_READ : EV_WRITE;
        if (s->goodbye_due)
            events |= EV_WRITE;
    }
    fd_transport_watch(fd_transport(base), events);
}

static bool tls_has_pending(const struct transport *base)
{
    const struct tls_session *s = session_of(base);
    return s->established && !s->broken && !s->starved && SSL_has_pending(s->ssl);
}

/* While much is written the buffer of a record is kept. The first write that is not gathered frees
 * it. */
static void tls_gather(struct transport *base, bool on)
{
    SSL *ssl = session_of(base)->ssl;
    if (on)
        SSL_clear_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    else
        SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
    fd_transport_gather(base, on);
}

static void tls_shutdown(struct transport *base)
{
    struct tls_session *s = session_of(base);
    s->goodbye_due = s->established && !s->broken;
    say_goodbye(base);
}

static void tls_close(struct transport *base)
{
    struct tls_session *s = session_of(base);
    /* Without this, SSL_free would make the session of a connection without goodbyes unusable. That
     * is an old rule (RFC 2246) that later versions dropped. */
    if (s->established && !s->broken)
        SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(s->ssl);
    tls_context_unref(&s->ctx);
    free(s->resume_key);
    free(s);
    fd_transport_close(fd_transport(base));
}

static const struct transport_ops tls_ops = {
    .connect_step = tls_connect_step,
    .read = tls_read,
    .write = tls_write,
    .write_is_uncertain = tls_write_is_uncertain,
    .start_tls = fd_transport_start_tls,
    .handshake_step = tls_handshake_step,
    .tls = tls_tls,
    .want = tls_want,
    .has_pending = tls_has_pending,
    .gather = tls_gather,
    .shutdown = tls_shutdown,
    .close = tls_close,
};

static void prepare_client(struct tls_session *s)
{
    SSL_set_connect_state(s->ssl);
    if (s->ctx->name && !s->ctx->name_is_address)
        SSL_set_tlsext_host_name(s->ssl, s->ctx->name);
    SSL_SESSION *session = s->resume_key ? tls_context_session(s->ctx, s->resume_key) : NULL;
    if (session)
        SSL_set_session(s->ssl, session);
}

/* One BIO for each direction, so that tls_records.c hears of reads alone: it is called before and
 * after every operation of the one that it watches. */
static bool set_socket(SSL *ssl, int fd)
{
    BIO *in = BIO_new_socket(fd, BIO_NOCLOSE), *out = BIO_new_socket(fd, BIO_NOCLOSE);
    if (in && out) {
        SSL_set_bio(ssl, in, out);
        return true;
    }
    BIO_free(in);
    BIO_free(out);
    return false;
}

int fd_transport_start_tls(struct transport *base, struct tls_context *ctx, bool as_server,
                           const char *resume_key, struct err *err)
{
    struct fd_transport *t = fd_transport(base);
    ERR_clear_error();
    SSL *ssl = as_server == ctx->is_server ? SSL_new(ctx->ssl) : NULL;
    if (!ssl || !set_socket(ssl, t->fd)) {
        tls_error(err, ERR_TLS, "TLS");
        SSL_free(ssl);
        return -1;
    }
    struct tls_session *s = NEW(struct tls_session);
    s->ssl = ssl;
    s->ctx = tls_context_ref(ctx);
    s->as_server = as_server;
    s->resume_key = resume_key && !as_server ? mem_string(resume_key) : NULL;
    SSL_set_app_data(ssl, s);
    tls_records_watch(s);
    if (as_server)
        SSL_set_accept_state(ssl);
    else
        prepare_client(s);
    t->tls = s;
    base->ops = &tls_ops;
    return 0;
}
