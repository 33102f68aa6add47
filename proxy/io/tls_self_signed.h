/* Certificates for a listener that was given none, signed by themselves: RSA 2048, which the oldest
 * client can use, and ECDSA P-256, whose signature costs a tenth. */
#ifndef IO_TLS_SELF_SIGNED_H
#define IO_TLS_SELF_SIGNED_H

#include "base/buf.h"
#include "base/err.h"

enum tls_kind { TLS_KIND_RSA, TLS_KIND_ECDSA, TLS_KINDS };

/* Appends PEM to both. `host` becomes subject and DNS name (an address literal becomes an
 * iPAddress). Valid from yesterday on for ten years. The key is a secret: buf_wipe it after use.
 * RSA takes some 100 ms: for the start only. */
int tls_self_signed(const char *host, enum tls_kind kind, struct buf *certificate, struct buf *key,
                    struct err *err) MUST_USE;

#endif
