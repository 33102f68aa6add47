/* What the TLS files of io/ share. Everything OpenSSL ends here. */
#ifndef IO_TLS_INTERNAL_H
#define IO_TLS_INTERNAL_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "base/addr.h"
#include "base/list.h"
#include "io/tls_context.h"

enum { SESSIONS_KEPT = 32 }; /* resumable sessions of one context, the least recently stored goes first */

struct tls_context {
    atomic_uint refs; /* a helper thread that rereads files may keep one */
    SSL_CTX *ssl;
    bool is_server, verify;
    char *name; /* expected; NULL: none, no SNI */
    bool name_is_address;
    uint8_t (*pins)[32];
    size_t npins;
    struct link sessions; /* newest first */
    size_t nsessions;
};

/* One connection's TLS, hung on its SSL as app data. */
struct tls_session {
    SSL *ssl;
    struct tls_context *ctx;
    char *resume_key; /* NULL: not resumable */
    bool as_server;
    bool established;
    bool broken; /* OpenSSL forbids any further call but SSL_free */
    bool handshake_wants_write;
    bool goodbye_due;                        /* close_notify did not fit into the socket yet */
    bool read_wants_write, write_wants_read; /* crossed wants: the record layer needs the other direction first */
    bool starved;                            /* the last read found no whole record: what OpenSSL holds is a part of one at most */
    struct tls_facts facts;
};

/* tls_context.c: the memory of sessions. */
SSL_SESSION *tls_context_session(struct tls_context *ctx, const char *key); /* borrows; NULL when there is none */
void tls_context_forget_session(struct tls_context *ctx, const char *key);

/* tls_verify.c */
int tls_verify_chain(X509_STORE_CTX *store, void *unused); /* for SSL_CTX_set_cert_verify_callback */
bool tls_verify_resumed(struct tls_session *s); /* checks name, dates and pins of a resumed session's certificate again; fills facts */

/* tls_facts.c */
void tls_facts_of_certificate(struct tls_facts *facts, X509 *certificate);
bool tls_certificate_digest(X509 *certificate, uint8_t out[32]);

/* tls_error.c: the first error of OpenSSL's queue, which is the cause of the others, as words; empties the queue. A system error keeps its
 * own kind. */
void tls_error(struct err *err, enum err_kind kind, const char *doing);
unsigned long tls_error_peek(void);

#endif
