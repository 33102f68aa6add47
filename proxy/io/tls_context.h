/* The material that TLS needs before a connection exists: keys, trust, names, pins, versions. A
 * context is made once per account or listener from the config, shared by reference count, and
 * replaced on reload. Callers never see OpenSSL. */
#ifndef IO_TLS_CONTEXT_H
#define IO_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/caps.h"
#include "base/err.h"
#include "base/slice.h"

struct tls_context;

enum tls_version { TLS_V1_0, TLS_V1_1, TLS_V1_2, TLS_V1_3 };

enum tls_file { TLS_FILE_NONE, TLS_FILE_CA, TLS_FILE_CERTIFICATE, TLS_FILE_KEY };

/* A server has at most this many certificates. */
enum { TLS_CERTIFICATES = CAP_LISTEN_CERTIFICATES };

struct tls_client_settings {
    /* If it is false, TLS does not check the certificate (policy encrypt or may). */
    bool verify;
    /* NULL means the system's authorities (SSL_CERT_FILE counts). */
    const char *ca_file;
    /* NULL, or a client context with the same ca_file. Its authorities are shared and not read
     * again. */
    const struct tls_context *trust_of;
    /* The expected name, which is also the SNI. An address literal is matched as iPAddress and
     * sends no SNI. */
    const char *name;
    /* SHA-256 digests of whole certificates. A match replaces the check of authority and name, and
     * counts as verified. */
    const uint8_t (*pins)[32];
    size_t npins;
    /* The client certificate, or NULL. */
    const char *cert_file;
    /* NULL means that the key is in cert_file. */
    const char *key_file;
    enum tls_version min;
    /* NULL, or where a failure stores which file is at fault. */
    enum tls_file *at_fault;
};

struct tls_server_settings {
    /* One, or two of different kinds (RSA, ECDSA): a client gets the one that it can verify. Those
     * that are not there are NULL; the first NULL: `pem`. */
    const char *cert_files[TLS_CERTIFICATES];
    /* The key belongs to the certificate at the same place. NULL means that it is in its
     * cert_file. */
    const char *key_files[TLS_CERTIFICATES];
    /* This text holds certificates, each followed by its key. It is borrowed, and it is a
     * secret. */
    struct slice pem;
    /* Below 1.2 the security level is 0, for this context only. */
    enum tls_version min;
};

/* Both borrow the settings and give a context with one reference. They return NULL with words that
 * name the file. */
struct tls_context *tls_context_client(const struct tls_client_settings *settings,
                                       struct err *err) MUST_USE;
struct tls_context *tls_context_server(const struct tls_server_settings *settings,
                                       struct err *err) MUST_USE;
struct tls_context *tls_context_ref(struct tls_context *ctx);
void tls_context_unref(struct tls_context **ctx);

/* When the certificate that this context shows expires, of two the first: Unix seconds; 0: it shows
 * none. */
int64_t tls_context_expires(const struct tls_context *ctx);

/* A client context remembers the newest TLS session per key ("host:port") for resumption. Name and
 * pins are checked again after a resumed handshake. */

/* Why a certificate does not deserve trust. */
enum tls_fault {
    TLS_FAULT_NONE = 0,
    /* It is for other names. */
    TLS_FAULT_NAME,
    /* It has expired or is not valid yet. */
    TLS_FAULT_EXPIRED,
    /* Its issuer is unknown, it is self-signed, or the chain is broken. */
    TLS_FAULT_UNTRUSTED,
    /* Pins are configured and none matches. */
    TLS_FAULT_PIN,
    TLS_FAULT_OTHER,
};

/* These are the facts that a handshake showed. If it failed, they are the facts until then. */
struct tls_facts {
    /* It is "TLSv1.3" and so on, or "" before it is known. */
    char version[12];
    char cipher[48];
    bool resumed;
    /* The certificate was verified by name and chain, or by a pin. */
    bool verified;
    /* The peer's alert said that it wants a client certificate, or another one. */
    bool wants_ours;
    /* The certificate has another issuer, and no other certificate came with it. */
    bool lone;
    enum tls_fault fault;
    char fault_words[160];
    /* The DNS names and addresses in the certificate, separated by blanks and cut with "...". */
    char names[256];
    char issuer[128];
    char subject[128];
    /* The certificate's SHA-256 in hex, or "" if none was seen. */
    char sha256[65];
    /* These are Unix seconds, or 0 if no certificate was seen. */
    int64_t not_before;
    int64_t not_after;
};

#endif
