/* A certificate for a listener that was given none: signed by itself, RSA 2048 so that the oldest
 * client can use it. */
#ifndef IO_TLS_SELF_SIGNED_H
#define IO_TLS_SELF_SIGNED_H

#include "base/buf.h"
#include "base/err.h"

/* Appends PEM to both. `host` becomes subject and DNS name (an address literal becomes an
 * iPAddress). Valid from yesterday on for ten years. The key is a secret: buf_wipe it after use.
 * Takes some 100 ms: for the start only. */
int tls_self_signed(const char *host, struct buf *certificate, struct buf *key,
                    struct err *err) MUST_USE;

#endif
