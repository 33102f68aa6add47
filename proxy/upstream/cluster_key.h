/* The key that the instances of a cluster have in common: 32 octets. Two keys are derived from it:
 * one hides names, the other one seals tokens. So the engine that they share holds neither a user's
 * name nor a secret, and nobody without the key can compare it with a list of guesses. */
#ifndef UPSTREAM_CLUSTER_KEY_H
#define UPSTREAM_CLUSTER_KEY_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/secret.h"
#include "io/crypto.h"

enum {
    CLUSTER_KEY = 32,
    /* The key in base64, with a NUL. */
    CLUSTER_KEY_TEXT = 45,
    /* 16 hexadecimal digits and a NUL. */
    CLUSTER_ID = 17,
};

struct cluster_key;

/* Gives. The caller erases its own octets. */
struct cluster_key *cluster_key_new(const uint8_t octets[CLUSTER_KEY]);
/* Wipes and frees. *key may be NULL. */
void cluster_key_free(struct cluster_key **key);

/* A key file's line: base64 of exactly 32 octets. Returns false for anything else. */
bool cluster_key_read(struct slice text, uint8_t octets_r[CLUSTER_KEY]) MUST_USE;
void cluster_key_write(const uint8_t octets[CLUSTER_KEY], char text_r[CLUSTER_KEY_TEXT]);

/* The name of an account in the engine: one for the same user at the same host, whatever the
 * account is called. The host's case does not count. */
void cluster_key_id(const struct cluster_key *key, const char *host, const char *user,
                    char id_r[CLUSTER_ID]);
/* Tells one secret of an account from another. */
void cluster_key_fingerprint(const struct cluster_key *key, const char *id,
                             const struct secret *secret, char fingerprint_r[CLUSTER_ID]);
/* Tells one cluster key from another. */
void cluster_key_word(const struct cluster_key *key, char word_r[CLUSTER_ID]);

/* Appends what the engine keeps of a token's text, which can be read only as version v of this
 * account. Never use a nonce twice. Returns false beyond the cap. */
bool cluster_key_seal(const struct cluster_key *key, const char *id, uint64_t v,
                      const uint8_t nonce[SEAL_NONCE], struct slice clear,
                      struct buf *out) MUST_USE;
/* Appends the text. Returns false, and appends nothing, if it is another account's, another
 * version's, sealed with another key, or damaged. */
bool cluster_key_unseal(const struct cluster_key *key, const char *id, uint64_t v,
                        struct slice sealed, struct buf *out) MUST_USE;

#endif
