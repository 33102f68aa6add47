/* The peer's records that carry no data: KeyUpdates, tickets, renegotiation, warnings, fragments of
 * a handshake. OpenSSL processes them inside one call as long as the socket delivers more, and a
 * KeyUpdate costs 20 us. So they are counted while OpenSSL reads them. A peer that sends too many
 * loses its connection inside that very call.
 *
 * OpenSSL itself tolerates 32 empty records or 4 warnings in a row, and a chain of 100 KB. */
#include <openssl/err.h>

#include "base/caps.h"
#include "io/tls_internal.h"

static bool is_over(const struct tls_session *s)
{
    if (!s->established)
        return s->records > CAP_TLS_HANDSHAKE_RECORDS ||
               (s->as_server && s->octets > CAP_TLS_CLIENT_HANDSHAKE);
    return s->records > CAP_TLS_RECORDS_WITHOUT_DATA + s->data / CAP_TLS_DATA_PER_RECORD;
}

/* From now on OpenSSL reads nothing more. It believes that the peer said goodbye, which ends a read
 * at the next record, and that the socket is broken, which ends a handshake. */
static void give_up(struct tls_session *s)
{
    s->flooded = true;
    SSL_set_shutdown(s->ssl, SSL_get_shutdown(s->ssl) | SSL_RECEIVED_SHUTDOWN);
}

/* OpenSSL calls this for each record's header and, in TLS 1.3, for the encrypted type. */
static void on_record(int writes, int version, int type, const void *octets, size_t n, SSL *ssl,
                      void *unused)
{
    struct tls_session *s = SSL_get_app_data(ssl);
    bool is_header = type == SSL3_RT_HEADER;
    (void)version;
    (void)unused;
    if (writes || !s || !n || (!is_header && type != SSL3_RT_INNER_CONTENT_TYPE))
        return;
    bool has_data = *(const unsigned char *)octets == SSL3_RT_APPLICATION_DATA;
    if (s->established ? has_data : !is_header)
        return;
    s->records++;
    if (!s->flooded && is_over(s))
        give_up(s);
}

/* The socket's BIO calls this before and after each read. */
static long on_socket(BIO *bio, int operation, const char *octets, size_t n, int i, long l, int ok,
                      size_t *got)
{
    struct tls_session *s = (struct tls_session *)(void *)BIO_get_callback_arg(bio);
    (void)octets, (void)n, (void)i, (void)l;
    if (operation == BIO_CB_READ && s->flooded) {
        BIO_clear_retry_flags(bio);
        return -1;
    }
    if (operation == (BIO_CB_READ | BIO_CB_RETURN)) {
        s->starved = ok <= 0;
        if (ok > 0 && got && !s->established)
            s->octets += *got;
    }
    return ok;
}

void tls_records_watch(struct tls_session *s)
{
    BIO *socket = SSL_get_rbio(s->ssl);
    SSL_set_msg_callback(s->ssl, on_record);
    BIO_set_callback_ex(socket, on_socket);
    BIO_set_callback_arg(socket, (char *)s);
}

void tls_records_begin_data(struct tls_session *s)
{
    s->established = true;
    s->records = 0;
}

int tls_records_judge(struct tls_session *s, struct err *err)
{
    if (!s->flooded)
        return 0;
    s->broken = true;
    ERR_clear_error();
    err_set(err, ERR_TLS, "the peer sends too many TLS records without data");
    return -1;
}
