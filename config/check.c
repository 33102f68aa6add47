/* Rules between the keys of one section. */
#include <string.h>

#include "config/load.h"

static bool any_bad(const struct section *s, const char *a, const char *b, const char *c)
{
    return is_bad(s, a) || (b && is_bad(s, b)) || (c && is_bad(s, c));
}

static const char *const password_keys[] = {"password", "password_file", "password_command"};
enum { PASSWORD_KEYS = sizeof password_keys / sizeof *password_keys };

const char *password_key(const struct section *s)
{
    for (size_t i = 0; i < PASSWORD_KEYS; i++)
        if (is_given(s, password_keys[i]))
            return password_keys[i];
    return NULL;
}

static void check_one_password(struct loading *l, const struct section *s)
{
    /* The line of the first key. */
    const char *first = NULL, *last = NULL;
    for (size_t i = 0; i < PASSWORD_KEYS; i++) {
        const char *key = password_keys[i];
        if (!is_given(s, key))
            continue;
        if (!first || given(s, key)->line < given(s, first)->line)
            first = key;
        if (!last || given(s, key)->line > given(s, last)->line)
            last = key;
    }
    if (first != last)
        complain(
            l, s, last,
            "%s is given too; allowed: exactly one of password, password_file and password_command",
            first);
}

/* A login needs a name and exactly one source of the password, or of a token. */
static void check_login(struct loading *l, const struct section *s, const struct upstream_config *u)
{
    bool username = is_given(s, "username");
    const char *password = password_key(s), *token = token_key(s), *by = token ? token : password;
    /* The rung `443/api` has rules of its own. */
    bool smtp = ports_have_smtp(&u->ports);
    check_one_password(l, s);
    if (username && !by && smtp && u->auth != AUTH_NONE && !is_bad(s, "auth"))
        complain(l, s, "username",
                 "no password goes with it; needed: password_file (or password, password_command), "
                 "or auth = none");
    if (!username && by)
        complain(l, s, by, "no username goes with it; needed: username%s",
                 token ? ", the mailbox that sends" : "");
    if (!username && !by && u->auth != AUTH_AUTO && u->auth != AUTH_NONE)
        complain(l, s, "auth",
                 "a mechanism without credentials; needed: username and password_file");
    if (password && !token && strcmp(password, "password_command") != 0 && !is_bad(s, "auth") &&
        auth_choice_secret(u->auth) == MECHANISM_TOKEN)
        complain(l, s, password,
                 "auth = %s takes an access token, which lasts an hour; needed: a password_command "
                 "that prints one",
                 auth_choice_word(u->auth));
    if (username && u->auth == AUTH_NONE)
        advise(l, s, "auth", "none: username and %s are not used", token ? "token" : "password");
    if (u->identity == IDENTITY_SENDER && (!username || u->auth == AUTH_NONE))
        advise(l, s, "identity", "has no effect: there is no login");
}

/* Returns whether every connection of this account has proven its peer before it carries
 * credentials. */
static bool peer_is_proven(const struct upstream_config *u)
{
    return u->tls == TLS_VERIFY || (u->tls == TLS_ENCRYPT && u->tls_fingerprint.n > 0);
}

static void check_protection(struct loading *l, const struct section *s,
                             const struct upstream_config *u)
{
    bool credentials =
        u->auth != AUTH_NONE && (is_given(s, "username") || password_key(s) || token_key(s));
    if (any_bad(s, "tls", "auth", "plaintext_auth") || is_bad(s, "tls_fingerprint"))
        return;
    if (credentials && !u->plaintext_auth && !peer_is_proven(u))
        complain(l, s, "tls",
                 "the credentials could be read or taken on the way; allowed: tls = verify, tls = "
                 "encrypt with tls_fingerprint, or "
                 "plaintext_auth = yes");
}

static void check_ports(struct loading *l, const struct section *s, struct upstream_config *u)
{
    if (any_bad(s, "ports", "tls", NULL))
        return;
    for (size_t i = 0; i < u->ports.n; i++) {
        struct port *p = &u->ports.items[i];
        if (p->mode == PORT_PLAIN && u->tls != TLS_MAY && u->tls != TLS_OFF)
            complain(l, s, "ports", "%u/plain has no TLS; it needs tls = may or tls = off",
                     (unsigned)p->number);
        if (u->tls != TLS_OFF || p->mode == PORT_API)
            continue;
        if (p->mode == PORT_IMPLICIT)
            complain(l, s, "ports",
                     "%u/implicit speaks TLS from the first byte, but tls = off; allowed: "
                     "%u/plain, or another tls",
                     (unsigned)p->number, (unsigned)p->number);
        p->mode = PORT_PLAIN;
    }
}

/* Warns of keys that the tls policy makes useless: the user expects a protection that does not
 * exist. */
static void check_idle_tls_keys(struct loading *l, const struct section *s,
                                const struct upstream_config *u)
{
    static const char *const of_tls[] = {"tls_ca",   "tls_name", "tls_fingerprint",
                                         "tls_cert", "tls_key",  "tls_min"};
    static const char *const of_verify[] = {"tls_ca", "tls_name"};
    const char *const *names = u->tls == TLS_OFF ? of_tls : of_verify;
    size_t n =
        u->tls == TLS_OFF ? sizeof of_tls / sizeof *of_tls : sizeof of_verify / sizeof *of_verify;
    if (u->tls == TLS_VERIFY || is_bad(s, "tls"))
        return;
    for (size_t i = 0; i < n; i++)
        if (is_given(s, names[i]))
            advise(l, s, names[i], "without effect: tls = %s",
                   u->tls == TLS_OFF   ? "off"
                   : u->tls == TLS_MAY ? "may"
                                       : "encrypt");
}

static void check_families(struct loading *l, const struct section *s,
                           const struct upstream_config *u)
{
    struct addr host;
    enum addr_family local = u->source.family ? u->source.family : u->family;
    const char *key = u->source.family ? "source" : "family";
    if (any_bad(s, "source", "family", "host"))
        return;
    if (u->source.family && u->family && u->source.family != u->family)
        complain(l, s, "source", "not an address of the family that family = %s asks for",
                 u->family == ADDR_V4 ? "ipv4" : "ipv6");
    else if (local && u->host && !u->proxy.kind && addr_parse(slice_of(u->host), &host) &&
             host.family != local)
        complain(l, s, key, "the host %s cannot be reached from it: it is of the other family",
                 u->host);
}

static bool has_underscore(const char *name)
{
    return strchr(name, '_') != NULL;
}

/* Warns of a name that goes upstream nevertheless, or is replaced by an address literal. */
static void check_helo(struct loading *l, const struct section *s, const struct upstream_config *u)
{
    if (u->helo && has_underscore(u->helo))
        advise(l, s, "helo",
               "a host name has no underscore (RFC 5321), and servers such as Exim answer it with "
               "501");
}

static void check_server(struct loading *l, const struct section *s)
{
    const char *hostname = l->config->server.hostname;
    struct addr address;
    if (!is_given(s, "hostname") || is_bad(s, "hostname") || hostname_fits_ehlo(hostname))
        return;
    if (addr_parse(slice_of(hostname), &address))
        advise(l, s, "hostname",
               "an address: upstreams hear the literal of the local address in EHLO, unless helo "
               "names a host");
    else if (has_underscore(hostname))
        advise(l, s, "hostname",
               "a host name has no underscore (RFC 5321): upstreams hear the literal of the local "
               "address in EHLO, unless helo names a host");
}

static void check_upstream(struct loading *l, const struct section *s)
{
    struct upstream_config *u = section_struct(l, s);
    if (!u->host && !is_given(s, "host") && !is_given(s, "provider"))
        complain(l, s, "host",
                 "missing; needed: the name or address of the submission server, or provider");
    check_login(l, s, u);
    check_tokens(l, s);
    check_protection(l, s, u);
    check_ports(l, s, u);
    check_api(l, s);
    check_idle_tls_keys(l, s, u);
    check_families(l, s, u);
    check_helo(l, s, u);
    if (is_given(s, "tls_key") && !is_given(s, "tls_cert"))
        complain(l, s, "tls_key", "no certificate goes with it; needed: tls_cert");
}

static void check_listen_tls(struct loading *l, const struct section *s,
                             const struct listen_config *c)
{
    static const char *const of_tls[] = {"tls_cert", "tls_key", "tls_min"};
    if (is_given(s, "tls_key") && !is_given(s, "tls_cert"))
        complain(l, s, "tls_key", "no certificate goes with it; needed: tls_cert");
    else if (is_given(s, "tls_key") && c->tls_key.n != c->tls_cert.n && !is_bad(s, "tls_key") &&
             !is_bad(s, "tls_cert"))
        complain(l, s, "tls_key", "%zu for %zu in tls_cert; needed: one for each, in their order",
                 c->tls_key.n, c->tls_cert.n);
    for (size_t i = 0;
         i < sizeof of_tls / sizeof *of_tls && c->tls == LISTEN_TLS_OFF && !is_bad(s, "tls"); i++)
        if (is_given(s, of_tls[i]))
            advise(l, s, of_tls[i], "without effect: tls = off");
}

/* A client from beyond loopback may log in under TLS only. */
static void check_listen_auth(struct loading *l, const struct section *s,
                              const struct listen_config *c)
{
    bool lets_others_in = false;
    if (is_bad(s, "auth"))
        return;
    if (c->auth == LISTEN_AUTH_REQUIRED && !is_given(s, "users_file"))
        complain(l, s, "auth", "no user could log in; needed: users_file");
    if (c->auth != LISTEN_AUTH_REQUIRED && is_given(s, "users_file"))
        advise(l, s, "users_file", "without effect: auth = %s",
               c->auth == LISTEN_AUTH_ACCEPT ? "accept" : "off");
    for (size_t i = 0; i < c->allow.n; i++)
        lets_others_in |= !addr_is_loopback(&c->allow.items[i].base);
    for (size_t i = 0; i < c->address.n; i++)
        if (c->auth == LISTEN_AUTH_REQUIRED && c->tls == LISTEN_TLS_OFF && !is_bad(s, "tls") &&
            lets_others_in && !addr_is_loopback(&c->address.items[i])) {
            advise(l, s, "auth",
                   "clients from beyond loopback cannot log in: that needs TLS, and tls = off");
            return;
        }
}

/* A door that is open to the network and lets nobody from there in. */
static void check_listen_reach(struct loading *l, const struct section *s,
                               const struct listen_config *c)
{
    bool lets_others_in = false, is_reached = false;
    if (any_bad(s, "address", "allow", NULL))
        return;
    for (size_t i = 0; i < c->allow.n; i++)
        lets_others_in |= !addr_is_loopback(&c->allow.items[i].base);
    for (size_t i = 0; i < c->address.n; i++)
        is_reached |= !addr_is_loopback(&c->address.items[i]);
    if (is_reached && !lets_others_in)
        advise(l, s, is_given(s, "allow") ? "allow" : "address",
               "it listens beyond this machine, but lets nobody else in: other clients get 554 "
               "5.7.1; needed: allow, with their network");
}

/* A client that was intercepted and came through a balancer meant to go to the balancer. */
static void check_intercept(struct loading *l, const struct section *s,
                            const struct listen_config *c)
{
    if (c->intercept && is_given(s, "proxy_protocol"))
        complain(l, s, "intercept",
                 "it does not go together with proxy_protocol: behind a balancer the original "
                 "destination is the balancer");
}

void check_rules(struct loading *l)
{
    for (size_t i = 0; i < l->nsections; i++)
        if (l->sections[i].id == SECTION_LISTEN) {
            const struct listen_config *c = section_struct(l, &l->sections[i]);
            check_listen_tls(l, &l->sections[i], c);
            check_listen_auth(l, &l->sections[i], c);
            check_listen_reach(l, &l->sections[i], c);
            check_intercept(l, &l->sections[i], c);
        }
    for (size_t i = 0; i < l->nsections; i++)
        if (l->sections[i].id == SECTION_UPSTREAM)
            check_upstream(l, &l->sections[i]);
        else if (l->sections[i].id == SECTION_SERVER)
            check_server(l, &l->sections[i]);
}
