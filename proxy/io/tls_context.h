/* What TLS needs before a connection exists: keys, trust, names, pins, versions. Made once per
 * account or listener from the config, shared by reference count, replaced on reload. Callers never
 * see OpenSSL. */
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

/* a server's at most */
enum { TLS_CERTIFICATES = CAP_LISTEN_CERTIFICATES };

struct tls_client_settings {
    /* false: TLS without looking at the certificate (policy encrypt or may) */
    bool verify;
    /* NULL: the system's CAs (SSL_CERT_FILE honoured) */
    const char *ca_file;
    /* a client context with the same ca_file: what it trusts is shared, not read again; or NULL */
    const struct tls_context *trust_of;
    /* expected name and SNI; an address literal is matched as iPAddress and sends no SNI */
    const char *name;
    /* SHA-256 of the whole certificate; one match replaces CA and name checks and counts as
     * verified */
    const uint8_t (*pins)[32];
    size_t npins;
    /* client certificate, or NULL */
    const char *cert_file;
    /* NULL: in cert_file */
    const char *key_file;
    enum tls_version min;
    /* where a failure says which of the files is no good; or NULL */
    enum tls_file *at_fault;
};

struct tls_server_settings {
    /* One, or two of different kinds (RSA, ECDSA): a client gets the one that it can verify. Those
     * that are not there are NULL; the first NULL: `pem`. */
    const char *cert_files[TLS_CERTIFICATES];
    /* of the certificate at the same place; NULL: in its cert_file */
    const char *key_files[TLS_CERTIFICATES];
    /* certificates as text, each followed by its key, borrowed: a secret */
    struct slice pem;
    /* below 1.2: security level 0 for this context only */
    enum tls_version min;
};

/* Both borrow the settings and give a context with one reference. NULL on failure, the words naming
 * the file. */
struct tls_context *tls_context_client(const struct tls_client_settings *settings,
                                       struct err *err) MUST_USE;
struct tls_context *tls_context_server(const struct tls_server_settings *settings,
                                       struct err *err) MUST_USE;
struct tls_context *tls_context_ref(struct tls_context *ctx);
void tls_context_unref(struct tls_context **ctx);

/* When the certificate that this context shows expires, of two the first: Unix seconds; 0: it shows
 * none. */
int64_t tls_context_expires(const struct tls_context *ctx);

/* A client context remembers the newest TLS session per key ("host:port") for resumption; name and
 * pins are checked again after a resumed handshake. */

/* why a certificate does not earn trust */
enum tls_fault {
    TLS_FAULT_NONE = 0,
    /* it is for other names */
    TLS_FAULT_NAME,
    /* or not valid yet */
    TLS_FAULT_EXPIRED,
    /* issuer unknown, self-signed, or a broken chain */
    TLS_FAULT_UNTRUSTED,
    /* pins are configured and none matches */
    TLS_FAULT_PIN,
    TLS_FAULT_OTHER,
};

/* what a handshake taught, also after a failed one as far as it got */
struct tls_facts {
    /* "TLSv1.3"; "" before */
    char version[12];
    char cipher[48];
    bool resumed;
    /* name and chain, or a pin */
    bool verified;
    /* the peer's alert said that it wants a client certificate, or another one */
    bool wants_ours;
    /* the certificate is another's work, and no other came with it */
    bool lone;
    enum tls_fault fault;
    char fault_words[160];
    /* the DNS names and addresses presented, separated by blanks; cut with "..." */
    char names[256];
    char issuer[128];
    char subject[128];
    /* hex of the certificate's SHA-256; "" when none was seen */
    char sha256[65];
    /* Unix seconds; 0 when no certificate was seen */
    int64_t not_before;
    int64_t not_after;
};

#endif
