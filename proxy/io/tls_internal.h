/* What the TLS files of io/ share. Everything OpenSSL ends here. */
#ifndef IO_TLS_INTERNAL_H
#define IO_TLS_INTERNAL_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "base/addr.h"
#include "base/caps.h"
#include "base/list.h"
#include "io/tls_context.h"

/* seconds; a ticket itself is good for two hours */
enum { TICKET_KEY_LIFE = 4 * 3600 };

struct ticket_key {
    bool usable;
    /* seconds of the monotonic clock */
    int64_t made;
    unsigned char name[16], cipher[32], mac[32];
};

struct ticket_keys {
    struct ticket_key current, previous;
};

struct tls_context {
    /* a helper thread that rereads files may keep one */
    atomic_uint refs;
    SSL_CTX *ssl;
    bool is_server, verify;
    /* Unix seconds; 0: it shows no certificate */
    int64_t expires;
    /* expected; NULL: none, no SNI */
    char *name;
    bool name_is_address;
    uint8_t (*pins)[32];
    size_t npins;
    /* newest first */
    struct link sessions;
    size_t nsessions;
    /* a server's */
    struct ticket_keys tickets;
};

/* One connection's TLS, hung on its SSL as app data. */
struct tls_session {
    SSL *ssl;
    struct tls_context *ctx;
    /* NULL: not resumable */
    char *resume_key;
    bool as_server;
    bool established;
    /* OpenSSL forbids any further call but SSL_free */
    bool broken;
    bool handshake_wants_write;
    /* close_notify did not fit into the socket yet */
    bool goodbye_due;
    /* crossed wants: the record layer needs the other direction first */
    bool read_wants_write, write_wants_read;
    /* The last read of the socket brought nothing: OpenSSL holds no whole record, but a part of one
     * at most. */
    bool starved;
    /* Beside the records the handshake's octets are counted, and later the data's. */
    uint64_t records, octets, data;
    bool flooded;
    struct tls_facts facts;
};

/* below TLS 1.2: old devices, whose signatures (SHA-1) and key sizes are below level 1 */
#define TLS_OLD_CIPHERS "ALL:!aNULL:!eNULL"

/* tls_certificate.c */
/* key_file: NULL: in cert_file. at_fault: where a failure says which file is no good; or NULL. */
int tls_certificate_load(SSL_CTX *ssl, const char *cert_file, const char *key_file,
                         enum tls_file *at_fault, struct err *err) MUST_USE;
/* All of a server's, and which client gets which. */
int tls_certificates_load(SSL_CTX *ssl, const struct tls_server_settings *settings,
                          struct err *err) MUST_USE;
/* When the first of them expires: Unix seconds; 0: there are none. */
int64_t tls_certificates_expire(SSL_CTX *ssl);
/* -1, with words: what was done, the file, OpenSSL's reason */
int tls_file_unusable(const char *what, const char *file, enum tls_file which,
                      enum tls_file *at_fault, struct err *err);

/* tls_context.c: the memory of sessions. */
/* borrows; NULL when there is none */
SSL_SESSION *tls_context_session(struct tls_context *ctx, const char *key);
void tls_context_forget_session(struct tls_context *ctx, const char *key);

/* tls_records.c: bounds what a peer sends beside data. */
/* once its SSL has a descriptor */
void tls_records_watch(struct tls_session *s);
/* the handshake is done */
void tls_records_begin_data(struct tls_session *s);
/* To be asked after every call that reads: -1 when the peer has sent too much of it. The connection
 * is broken then. */
int tls_records_judge(struct tls_session *s, struct err *err);

/* tls_tickets.c: the keys of a server's tickets, which change every few hours. */
void tls_tickets_begin(struct tls_context *ctx);
void tls_tickets_end(struct tls_context *ctx);

/* tls_verify.c */
/* for SSL_CTX_set_cert_verify_callback */
int tls_verify_chain(X509_STORE_CTX *store, void *unused);
/* checks name, dates and pins of a resumed session's certificate again; fills facts */
bool tls_verify_resumed(struct tls_session *s);

/* tls_facts.c */
void tls_facts_of_certificate(struct tls_facts *facts, X509 *certificate);
/* Unix seconds */
int64_t tls_unix_time(const ASN1_TIME *t);
bool tls_certificate_digest(X509 *certificate, uint8_t out[32]);

/* tls_error.c: the first error of OpenSSL's queue, which is the cause of the others, as words;
 * empties the queue. A system error keeps its own kind. */
void tls_error(struct err *err, enum err_kind kind, const char *doing);
unsigned long tls_error_peek(void);

#endif
