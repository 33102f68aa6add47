/* [cluster]: the rules between its keys, and its secrets. */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/secret_file.h"
#include "config/named_file.h"

enum { KEY_OCTETS = 32 };

static const struct cluster_config *old_cluster(const struct loading *l)
{
    return l->old && l->old->cluster.is_on ? &l->old->cluster : NULL;
}

/* Gives a secret that a file of [cluster] holds, or NULL: it is said why, or it stays as it was. */
static struct secret *read_secret(struct loading *l, const struct section *s, const char *key,
                                  const char *file, const char *before, const struct secret *kept)
{
    struct err err;
    unsigned mode;
    char *path = secret_file_path(file);
    struct secret *secret = NULL;
    if (!path) {
        complain(l, s, key,
                 "$CREDENTIALS_DIRECTORY is not set; credential:NAME needs systemd's "
                 "LoadCredential=NAME:PATH");
        return NULL;
    }
    if (stays_as_it_was(l, s, key, path, &(struct same_file){file, before}, "it stays the same")) {
        secret = secret_copy(kept);
    } else if (!(secret = secret_file_read(path, &mode, &err))) {
        complain(l, s, key, "%s%s", err.words,
                 err.kind == ERR_NOT_FOUND && strcmp(key, "key_file") == 0
                     ? "; `smtp-detour cluster key` makes one, the same for all instances"
                     : "");
    } else {
        check_exposure(l, s, key, path, mode, PASSWORD);
    }
    free(path);
    return secret;
}

static bool is_a_key(const struct secret *secret)
{
    struct buf octets;
    buf_init(&octets, KEY_OCTETS);
    bool good = base64_decode(secret_reveal(secret), &octets) && octets.len == KEY_OCTETS;
    buf_wipe(&octets);
    return good;
}

static void load_secrets(struct loading *l, const struct section *s)
{
    struct cluster_config *c = &l->config->cluster;
    const struct cluster_config *old = old_cluster(l);
    if (c->key_file && !is_bad(s, "key_file")) {
        c->key = read_secret(l, s, "key_file", c->key_file, old ? old->key_file : NULL,
                             old ? old->key : NULL);
        if (c->key && !is_a_key(c->key))
            complain(l, s, "key_file",
                     "%s does not hold 32 octets in base64; `smtp-detour cluster key` makes them",
                     c->key_file);
    }
    if (c->password_file && !is_bad(s, "password_file"))
        c->password = read_secret(l, s, "password_file", c->password_file,
                                  old ? old->password_file : NULL, old ? old->password : NULL);
}

static void check_tls_files(struct loading *l, const struct section *s)
{
    const struct cluster_config *c = &l->config->cluster, *old = old_cluster(l);
    check_named_file(l, s, "tls_ca", c->tls_ca, NO_SECRET, old ? old->tls_ca : NULL);
    check_named_file(l, s, "tls_cert", c->tls_cert, is_given(s, "tls_key") ? NO_SECRET : OWN_SECRET,
                     old ? old->tls_cert : NULL);
    check_named_file(l, s, "tls_key", c->tls_key, OWN_SECRET, old ? old->tls_key : NULL);
}

static bool is_near(const struct engine_address *at)
{
    struct addr address;
    if (!at->port || strcmp(at->host, "localhost") == 0)
        return true;
    return addr_parse(slice_of(at->host), &address) && addr_is_loopback(&address);
}

/* Tokens are sealed, but whoever can change what is said may hold up all mail. */
static void check_protection(struct loading *l, const struct section *s)
{
    const struct cluster_config *c = &l->config->cluster;
    if (c->tls == TLS_VERIFY || c->plaintext_auth || is_bad(s, "tls") || is_bad(s, "engine"))
        return;
    for (size_t i = 0; i < c->engine.n; i++)
        if (!is_near(&c->engine.items[i])) {
            complain(l, s, "tls",
                     "the way to %s could be listened to or changed; allowed: tls = verify, an "
                     "engine on this machine, or plaintext_auth = yes",
                     c->engine.items[i].host);
            return;
        }
}

void check_cluster(struct loading *l)
{
    for (size_t i = 0; i < l->nsections; i++) {
        const struct section *s = &l->sections[i];
        const struct cluster_config *c = &l->config->cluster;
        if (s->id != SECTION_CLUSTER || s->repeat)
            continue;
        if (!is_given(s, "engine"))
            complain(l, s, "engine", "missing; needed: the host:port of a Valkey or Redis");
        if (!is_given(s, "key_file"))
            complain(l, s, "key_file",
                     "missing; needed: a file that is the same for all instances; `smtp-detour "
                     "cluster key` makes one");
        if (is_given(s, "username") && !is_given(s, "password_file"))
            complain(l, s, "username", "no password goes with it; needed: password_file");
        if (is_given(s, "tls_key") && !is_given(s, "tls_cert"))
            complain(l, s, "tls_key", "no certificate goes with it; needed: tls_cert");
        if (c->lease && c->timeout * 10 > c->lease && !is_bad(s, "timeout") && !is_bad(s, "lease"))
            complain(l, s, "timeout", "longer than a tenth of lease: a heartbeat would be missed");
        check_protection(l, s);
        load_secrets(l, s);
        check_tls_files(l, s);
    }
}
