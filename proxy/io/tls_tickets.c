/* The keys of the tickets that a server context gives to its clients. A stolen key decrypts each
 * connection that was resumed with it, so a key lives for a few hours. It seals new tickets for one
 * life, opens old ones for another, and is then overwritten. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

#include "base/secret.h"
#include "io/tls_internal.h"

static int64_t seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static void erase(struct ticket_key *key)
{
    secret_erase(key, sizeof *key);
}

static bool draw(struct ticket_key *key, int64_t now)
{
    key->made = now;
    key->usable = RAND_bytes(key->name, sizeof key->name) == 1 &&
                  RAND_priv_bytes(key->cipher, sizeof key->cipher) == 1 &&
                  RAND_priv_bytes(key->mac, sizeof key->mac) == 1;
    return key->usable;
}

static bool rotate(struct ticket_keys *keys)
{
    int64_t now = seconds();
    if (keys->previous.usable && now - keys->previous.made >= 2 * TICKET_KEY_LIFE)
        erase(&keys->previous);
    if (keys->current.usable && now - keys->current.made < TICKET_KEY_LIFE)
        return true;
    if (keys->current.usable && now - keys->current.made < 2 * TICKET_KEY_LIFE)
        keys->previous = keys->current;
    else
        erase(&keys->previous);
    return draw(&keys->current, now);
}

static bool set_mac(EVP_MAC_CTX *mac, struct ticket_key *key)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof key->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static struct ticket_key *key_named(struct ticket_keys *keys, const unsigned char *name)
{
    struct ticket_key *both[] = {&keys->current, &keys->previous};
    for (int i = 0; i < 2; i++)
        if (both[i]->usable && memcmp(both[i]->name, name, sizeof both[i]->name) == 0)
            return both[i];
    return NULL;
}

/* Returns 1 to continue. Returns 2 to continue and give the client a new ticket, because a ticket
 * of TLS 1.3 serves only once. Returns 0 for no ticket, or for one whose key is overwritten: then
 * there is a full handshake. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int seals)
{
    struct tls_session *s = SSL_get_app_data(ssl);
    struct ticket_keys *keys = &s->ctx->tickets;
    if (!rotate(keys))
        return 0;
    struct ticket_key *key = seals ? &keys->current : key_named(keys, name);
    if (!key || !set_mac(mac, key))
        return 0;
    if (!seals) {
        bool ok = EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv) == 1;
        bool renew = key != &keys->current || SSL_version(ssl) >= TLS1_3_VERSION;
        return !ok ? 0 : renew ? 2 : 1;
    }
    memcpy(name, key->name, sizeof key->name);
    return RAND_bytes(iv, EVP_MAX_IV_LENGTH) == 1 &&
           EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv) == 1;
}

void tls_tickets_begin(struct tls_context *ctx)
{
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx->ssl, on_ticket);
}

void tls_tickets_end(struct tls_context *ctx)
{
    erase(&ctx->tickets.current);
    erase(&ctx->tickets.previous);
}
