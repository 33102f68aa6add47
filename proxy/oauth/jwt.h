/* Signed assertions: JSON Web Tokens that prove our identity for five minutes (RFC 7523). */
#ifndef OAUTH_JWT_H
#define OAUTH_JWT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

struct jwt_moment {
    /* Unix seconds, by the endpoint's clock if it is known. */
    int64_t now;
    /* Unpredictable. It becomes `jti`. */
    uint8_t random[16];
};

/* Appends an assertion for a client with a certificate: PS256, x5t#S256 (Microsoft). */
int jwt_client_assertion(const struct secret *cert, const struct secret *key, const char *client_id,
                         const char *audience, const struct jwt_moment *moment, struct buf *out,
                         struct err *err) MUST_USE;

/* Appends the assertion of a service account (Google's JSON key) for a mailbox: RS256. */
int jwt_service_account(const struct secret *json, const char *mailbox, const char *scope,
                        const char *audience, const struct jwt_moment *moment, struct buf *out,
                        struct err *err) MUST_USE;

#endif
