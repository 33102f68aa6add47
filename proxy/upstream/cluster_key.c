#include "upstream/cluster_key.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"

enum { LONGEST_NAME = 4096 };

struct cluster_key {
    uint8_t names[32];
    uint8_t seals[SEAL_KEY];
};

struct cluster_key *cluster_key_new(const uint8_t octets[CLUSTER_KEY])
{
    static const char salt[] = "smtp-detour cluster";
    struct cluster_key *key = NEW(struct cluster_key);
    struct slice from = slice_make(octets, CLUSTER_KEY);
    if (!hkdf_sha256(from, slice_of(salt), slice_of("names"), key->names, sizeof key->names) ||
        !hkdf_sha256(from, slice_of(salt), slice_of("seals"), key->seals, sizeof key->seals))
        abort();
    return key;
}

void cluster_key_free(struct cluster_key **key)
{
    if (*key)
        secret_erase(*key, sizeof **key);
    free(*key);
    *key = NULL;
}

bool cluster_key_read(struct slice text, uint8_t octets_r[CLUSTER_KEY])
{
    struct buf octets;
    buf_init(&octets, CLUSTER_KEY + 2);
    bool ok = base64_decode(text, &octets) && octets.len == CLUSTER_KEY;
    if (ok)
        memcpy(octets_r, buf_view(&octets).data, CLUSTER_KEY);
    buf_wipe(&octets);
    return ok;
}

void cluster_key_write(const uint8_t octets[CLUSTER_KEY], char text_r[CLUSTER_KEY_TEXT])
{
    struct buf text;
    buf_init(&text, CLUSTER_KEY_TEXT);
    if (!base64_encode(slice_make(octets, CLUSTER_KEY), &text) || text.len != CLUSTER_KEY_TEXT - 1)
        abort();
    memcpy(text_r, buf_view(&text).data, text.len);
    text_r[CLUSTER_KEY_TEXT - 1] = 0;
    buf_wipe(&text);
}

/* ---- names ---- */

/* Writes half of the digest of the parts, each with a NUL behind it but the last one. A purpose
 * never equals the first part of another one's. */
static void name_of(const struct cluster_key *key, size_t n, const struct slice *parts,
                    char out[CLUSTER_ID])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[32];
    struct buf all;
    /* A token is a secret, too. */
    buf_init(&all, LONGEST_NAME + 64 * 1024);
    for (size_t i = 0; i < n; i++)
        if (!buf_append_slice(&all, parts[i]) || (i + 1 < n && !buf_append(&all, "", 1)))
            abort();
    hmac_sha256(slice_make(key->names, sizeof key->names), buf_view(&all), digest);
    buf_wipe(&all);
    for (size_t i = 0; i < (CLUSTER_ID - 1) / 2; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[CLUSTER_ID - 1] = 0;
}

void cluster_key_id(const struct cluster_key *key, const char *host, const char *user,
                    char id_r[CLUSTER_ID])
{
    char *lower = mem_string(host);
    for (char *c = lower; *c; c++)
        *c = ascii_lower(*c);
    const struct slice parts[] = {slice_of(lower), slice_of(user)};
    name_of(key, 2, parts, id_r);
    free(lower);
}

/* A host has no colon, so no account's name is hidden by the same octets. */
void cluster_key_fingerprint(const struct cluster_key *key, const char *id,
                             const struct secret *secret, char fingerprint_r[CLUSTER_ID])
{
    const struct slice parts[] = {slice_of("secret:"), slice_of(id),
                                  secret ? secret_reveal(secret) : slice_make(NULL, 0)};
    name_of(key, 3, parts, fingerprint_r);
}

void cluster_key_word(const struct cluster_key *key, char word_r[CLUSTER_ID])
{
    const struct slice part = slice_of("word:");
    name_of(key, 1, &part, word_r);
}

/* ---- sealing ---- */

/* What a sealed text belongs to: the account, and the version in network order. */
static struct slice belongs_to(const char *id, uint64_t v, char out[CLUSTER_ID - 1 + 8])
{
    enum { DIGITS = CLUSTER_ID - 1 };
    if (strlen(id) != DIGITS)
        abort();
    for (size_t i = 0; i < DIGITS; i++)
        out[i] = id[i];
    for (size_t i = 0; i < 8; i++)
        out[DIGITS + i] = (char)(v >> (56 - 8 * i) & 255);
    return slice_make(out, DIGITS + 8);
}

bool cluster_key_seal(const struct cluster_key *key, const char *id, uint64_t v,
                      const uint8_t nonce[SEAL_NONCE], struct slice clear, struct buf *out)
{
    char beside[CLUSTER_ID - 1 + 8];
    return seal(key->seals, nonce, belongs_to(id, v, beside), clear, out);
}

bool cluster_key_unseal(const struct cluster_key *key, const char *id, uint64_t v,
                        struct slice sealed, struct buf *out)
{
    char beside[CLUSTER_ID - 1 + 8];
    return unseal(key->seals, belongs_to(id, v, beside), sealed, out);
}
