/* The URL of an outbound proxy. It may hold a password, so no message shows any part of it, and
 * copies are wiped. */
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/secret.h"
#include "config/config.h"
#include "config/table.h"

/* RFC 3986 2.1. Returns false for an incorrect escape, a control character, an empty text, or too
 * many octets. */
static bool decode(struct slice text, char out[CAP_TUNNEL_CREDENTIAL + 1], size_t *len_r)
{
    size_t len = 0;
    while (text.len) {
        int octet = hex_take_percent(&text);
        if (octet < 0 || ascii_is_control((char)octet) || len == CAP_TUNNEL_CREDENTIAL)
            return false;
        out[len++] = (char)octet;
    }
    out[len] = 0;
    *len_r = len;
    return len > 0;
}

static int parse_credentials(struct slice text, struct outbound_proxy *proxy, struct err *err)
{
    char decoded[CAP_TUNNEL_CREDENTIAL + 1];
    size_t len, colon = slice_find(text, ':');
    if (colon == text.len) {
        err_set(err, ERR_INVALID,
                "a user without a password; allowed: user:password@host:port, with %%XX for "
                "special characters");
        return -1;
    }
    if (!decode(slice_head(text, colon), decoded, &len) ||
        (proxy->kind == PROXY_HTTP && memchr(decoded, ':', len)))
        err_set(err, ERR_INVALID, "the user name is empty, too long, or has a wrong %%XX in it");
    else {
        proxy->user = mem_copy(decoded, len);
        if (decode(slice_from(text, colon + 1), decoded, &len))
            proxy->password = secret_new(slice_make(decoded, len));
        else
            err_set(err, ERR_INVALID, "the password is empty, too long, or has a wrong %%XX in it");
    }
    secret_erase(decoded, sizeof decoded);
    return proxy->password ? 0 : -1;
}

static int parse_host_and_port(struct slice text, struct outbound_proxy *proxy, struct err *err)
{
    uint64_t port = 0;
    size_t colon = text.len;
    while (colon > 0 && text.data[colon - 1] != ':')
        colon--;
    struct slice host = slice_head(text, colon ? colon - 1 : 0);
    bool naked_v6 = slice_find(host, ':') < host.len && host.data[0] != '[';
    if (number_parse(slice_from(text, colon), 65535, &port) && port && !naked_v6)
        proxy->host = host_parse(host);
    if (!proxy->host) {
        err_set(err, ERR_INVALID,
                "no HOST:PORT at its end; allowed: socks5://[user:password@]host:port, "
                "http://[user:password@]host:port");
        return -1;
    }
    proxy->port = (uint16_t)port;
    return 0;
}

void proxy_clear(void *field)
{
    struct outbound_proxy *proxy = field;
    free(proxy->host);
    free(proxy->user);
    secret_free(&proxy->password);
}

bool proxy_equal(const struct key *key, const void *a, const void *b)
{
    const struct outbound_proxy *x = a, *y = b;
    (void)key;
    return x->kind == y->kind && x->port == y->port && text_equal(x->host, y->host) &&
           text_equal(x->user, y->user) && secret_equal(x->password, y->password);
}

int proxy_parse(struct slice text, struct outbound_proxy *proxy, struct err *err)
{
    if (slice_starts(text, "socks5://"))
        proxy->kind = PROXY_SOCKS5;
    else if (slice_starts(text, "http://"))
        proxy->kind = PROXY_HTTP;
    else {
        err_set(err, ERR_INVALID,
                "unknown kind of proxy; allowed: socks5://[user:password@]host:port, "
                "http://[user:password@]host:port");
        return -1;
    }
    text = slice_from(text, proxy->kind == PROXY_SOCKS5 ? strlen("socks5://") : strlen("http://"));
    if (text.len && text.data[text.len - 1] == '/')
        text.len--;
    size_t at = text.len;
    while (at > 0 && text.data[at - 1] != '@')
        at--;
    if (at && parse_credentials(slice_head(text, at - 1), proxy, err) != 0)
        return -1;
    return parse_host_and_port(slice_from(text, at), proxy, err);
}

static int parse_proxy(const struct key *key, struct slice text, void *field, struct err *err)
{
    (void)key;
    return proxy_parse(text, field, err);
}

const struct value_type type_proxy = {
    .secret = true, .parse = parse_proxy, .clear = proxy_clear, .equal = proxy_equal};
