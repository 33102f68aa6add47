/* Shared by the TLS files of io/. OpenSSL does not appear outside of them. */
#ifndef IO_TLS_INTERNAL_H
#define IO_TLS_INTERNAL_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "base/addr.h"
#include "base/caps.h"
#include "base/list.h"
#include "io/tls_context.h"

/* Seconds. A ticket itself is valid for two hours. */
enum { TICKET_KEY_LIFE = 4 * 3600 };

struct ticket_key {
    bool usable;
    /* Seconds of the monotonic clock. */
    int64_t made;
    unsigned char name[16], cipher[32], mac[32];
};

struct ticket_keys {
    struct ticket_key current, previous;
};

struct tls_context {
    /* A helper thread that reads files again may hold a reference. */
    atomic_uint refs;
    SSL_CTX *ssl;
    bool is_server, verify;
    /* The context's certificate expires at this time in Unix seconds. 0 means that it shows no
     * certificate. */
    int64_t expires;
    /* This name is expected. NULL means that none is expected, and no SNI is sent. */
    char *name;
    bool name_is_address;
    uint8_t (*pins)[32];
    size_t npins;
    /* The newest is first. */
    struct link sessions;
    size_t nsessions;
    /* Only in a server's context. */
    struct ticket_keys tickets;
};

/* The TLS of one connection. Its SSL has it as app data. */
struct tls_session {
    SSL *ssl;
    struct tls_context *ctx;
    /* The key is NULL if the session cannot be resumed. */
    char *resume_key;
    bool as_server;
    bool established;
    /* OpenSSL allows no further call but SSL_free. */
    bool broken;
    bool handshake_wants_write;
    /* The alert close_notify did not fit into the socket yet. */
    bool goodbye_due;
    /* Crossed wants: the record layer needs the other direction first. */
    bool read_wants_write, write_wants_read;
    /* The last read of the socket returned nothing. OpenSSL holds part of a record at most. */
    bool starved;
    /* Counts the records, the octets of the handshake, and later the octets of data. */
    uint64_t records, octets, data;
    bool flooded;
    struct tls_facts facts;
};

/* These ciphers are for versions below TLS 1.2. Old devices speak those versions, and their
 * signatures (SHA-1) and key sizes are below level 1. */
#define TLS_OLD_CIPHERS "ALL:!aNULL:!eNULL"

/* These functions are in tls_certificate.c. */
/* The key_file is NULL if the key is in cert_file. A failure stores in at_fault which file is no
 * good. at_fault may be NULL. */
int tls_certificate_load(SSL_CTX *ssl, const char *cert_file, const char *key_file,
                         enum tls_file *at_fault, struct err *err) MUST_USE;
/* Loads all certificates of a server, and decides which client gets which. */
int tls_certificates_load(SSL_CTX *ssl, const struct tls_server_settings *settings,
                          struct err *err) MUST_USE;
/* Returns the Unix seconds at which the first of them expires, or 0 if there are none. */
int64_t tls_certificates_expire(SSL_CTX *ssl);
/* Returns -1. The words of err say what was done, the file, and OpenSSL's reason. */
int tls_file_unusable(const char *what, const char *file, enum tls_file which,
                      enum tls_file *at_fault, struct err *err);

/* The file tls_context.c has the memory of sessions. */
/* Borrows the session. Returns NULL when there is none. */
SSL_SESSION *tls_context_session(struct tls_context *ctx, const char *key);
void tls_context_forget_session(struct tls_context *ctx, const char *key);

/* The file tls_records.c bounds what a peer sends beside data. */
/* Call this once the SSL has a descriptor. */
void tls_records_watch(struct tls_session *s);
/* The handshake is done. */
void tls_records_begin_data(struct tls_session *s);
/* Call this after every call that reads. Returns -1 if the peer has sent too much beside data. Then
 * the connection is broken. */
int tls_records_judge(struct tls_session *s, struct err *err);

/* The file tls_tickets.c has the keys of a server's tickets, which change every few hours. */
void tls_tickets_begin(struct tls_context *ctx);
void tls_tickets_end(struct tls_context *ctx);

/* These functions are in tls_verify.c. */
/* The function SSL_CTX_set_cert_verify_callback takes this one. */
int tls_verify_chain(X509_STORE_CTX *store, void *unused);
/* Checks name, dates and pins of a resumed session's certificate again. Fills the facts. */
bool tls_verify_resumed(struct tls_session *s);

/* These functions are in tls_facts.c. */
void tls_facts_of_certificate(struct tls_facts *facts, X509 *certificate);
/* Returns Unix seconds. */
int64_t tls_unix_time(const ASN1_TIME *t);
bool tls_certificate_digest(X509 *certificate, uint8_t out[32]);

/* The file tls_error.c puts the first error of OpenSSL's queue into words, because it is the cause
 * of the others, and empties the queue. A system error keeps its own kind. */
void tls_error(struct err *err, enum err_kind kind, const char *doing);
unsigned long tls_error_peek(void);

#endif
