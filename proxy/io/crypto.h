/* Signatures, digests and sealing, for tokens and for stored data. These functions only compute:
 * they need no descriptor and no clock, and the simulator runs the real ones. A private key never
 * leaves its struct. */
#ifndef IO_CRYPTO_H
#define IO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

/* ---- base64url, without padding (RFC 7515) ---- */

/* Appends. Returns false beyond the cap. */
bool base64url_append(struct buf *out, struct slice bytes) MUST_USE;
/* Appends. Returns false if the text is not base64url, has padding or does not end where it should,
 * and beyond the cap. */
bool base64url_decode(struct buf *out, struct slice text) MUST_USE;

/* ---- signing ---- */

enum signature {
    /* RSASSA-PKCS1-v1_5 with SHA-256, for Google's service accounts. */
    SIGN_RS256,
    /* RSASSA-PSS with SHA-256 and a salt of its length, for Microsoft's certificates. */
    SIGN_PS256,
};

struct signing_key;

/* Reads an unencrypted RSA key (PEM, at least 2,048 bits). Gives, or returns NULL with err, whose
 * words never show the key. */
struct signing_key *signing_key_new(struct slice pem, struct err *err);
/* Wipes and frees. *key may be NULL. */
void signing_key_free(struct signing_key **key);
/* Appends the raw signature of the bytes. */
int signing_key_sign(const struct signing_key *key, enum signature how, struct slice bytes,
                     struct buf *out, struct err *err) MUST_USE;

/* The facts of a certificate: some go into an assertion, others into warnings. */
struct certificate_facts {
    /* The value of x5t#S256 before base64url. */
    uint8_t sha256[32];
    /* Both are Unix time. */
    int64_t not_before, not_after;
    /* The key belongs to this certificate. */
    bool matches;
};
/* Reads the first certificate of a PEM text. key may be NULL. Then `matches` is false. */
int certificate_read(struct slice pem, const struct signing_key *key,
                     struct certificate_facts *facts_r, struct err *err) MUST_USE;

/* ---- digests ---- */

void sha256(struct slice bytes, uint8_t out[32]);
void hmac_sha256(struct slice key, struct slice bytes, uint8_t out[32]);
/* Fills out with up to 8,160 octets derived from the key (RFC 5869, SHA-256). */
bool hkdf_sha256(struct slice key, struct slice salt, struct slice info, uint8_t *out,
                 size_t n) MUST_USE;

/* ---- sealing: AES-256-GCM ---- */

enum { SEAL_KEY = 32, SEAL_NONCE = 12, SEAL_TAG = 16 };

/* Appends the nonce, the ciphertext and the tag. Never use a nonce twice with one key. `beside` is
 * authenticated and not stored: it says what the text belongs to. */
bool seal(const uint8_t key[SEAL_KEY], const uint8_t nonce[SEAL_NONCE], struct slice beside,
          struct slice clear, struct buf *out) MUST_USE;
/* Appends the clear text. Returns false, and appends nothing, if it was not sealed with this key
 * and `beside`. */
bool unseal(const uint8_t key[SEAL_KEY], struct slice beside, struct slice sealed,
            struct buf *out) MUST_USE;

#endif
