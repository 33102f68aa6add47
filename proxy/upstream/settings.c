#include "upstream/settings.h"

#include <string.h>

#include "base/mem.h"

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static const char *tls_name(const struct upstream_config *cfg)
{
    return cfg->tls_name ? cfg->tls_name : cfg->host;
}

bool settings_share_tls(const struct upstream_config *a, const struct upstream_config *b)
{
    return config_same_trust(a, b) && same(tls_name(a), tls_name(b));
}

bool settings_equal(const struct upstream_config *a, const struct upstream_config *b)
{
    return same(a->name, b->name) && config_same_connection(a, b);
}

const char *settings_helo(const struct config *config, const struct upstream_config *cfg)
{
    const char *hostname = config->server.hostname;
    if (cfg->helo && cfg->helo[0])
        return cfg->helo;
    return hostname && hostname_fits_ehlo(hostname) ? hostname : "";
}

static bool speaks_tls(const struct upstream_config *cfg)
{
    if (cfg->tls != TLS_OFF)
        return true;
    for (size_t i = 0; i < cfg->ports.n; i++)
        if (cfg->ports.items[i].mode == PORT_IMPLICIT)
            return true;
    return false;
}

static const char *key_of(enum tls_file file)
{
    switch (file) {
    case TLS_FILE_NONE: break;
    case TLS_FILE_CA: return " tls_ca";
    case TLS_FILE_CERTIFICATE: return " tls_cert";
    case TLS_FILE_KEY: return " tls_key";
    }
    return "";
}

int settings_tls(const struct upstream_config *cfg, const struct tls_context *trust_of,
                 struct tls_context **context_r, struct err *err)
{
    enum tls_file at_fault = TLS_FILE_NONE;
    struct tls_client_settings s = {
        .verify = cfg->tls == TLS_VERIFY || cfg->tls_fingerprint.n > 0,
        .ca_file = cfg->tls_ca,
        .trust_of = trust_of,
        .name = tls_name(cfg),
        .pins = (const uint8_t(*)[32])cfg->tls_fingerprint.items,
        .npins = cfg->tls_fingerprint.n,
        .cert_file = cfg->tls_cert,
        .key_file = cfg->tls_key,
        .min = (enum tls_version)cfg->tls_min,
        .at_fault = &at_fault,
    };
    *context_r = NULL;
    if (!speaks_tls(cfg))
        return 0;
    *context_r = tls_context_client(&s, err);
    if (*context_r)
        return 0;
    struct err why = *err;
    err_set(err, why.kind, "[upstream %s]%s: %s", cfg->name, key_of(at_fault), why.words);
    return -1;
}

size_t settings_listeners(const struct config *config, struct addr **list_r)
{
    size_t n = 0, most = 0;
    for (size_t i = 0; i < config->nlistens; i++)
        most += config->listens[i].address.n;
    *list_r = mem_alloc((most + 1) * sizeof **list_r);
    for (size_t i = 0; i < config->nlistens; i++)
        for (size_t k = 0; k < config->listens[i].address.n; k++)
            (*list_r)[n++] = config->listens[i].address.items[k];
    return n;
}
