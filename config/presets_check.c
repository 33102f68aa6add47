/* Warnings about an account that names its provider: a user name of the wrong kind, password logins
 * that ended or will end, and settings that are worse than the preset. They are only warnings,
 * because the facts come from outside and may have changed. */
#include <string.h>

#include "config/load.h"
#include "config/presets.h"

static bool is_number(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!ascii_is_digit(text.data[i]))
            return false;
    return text.len > 0;
}

static bool is_address(struct slice name)
{
    size_t at = slice_find(name, '@');
    return at > 0 && at + 1 < name.len;
}

/* For example apikey. ":X-MSYS-…" may follow SMTP_Injection. */
static bool is_exactly(struct slice name, const char *expected)
{
    return slice_is(slice_head(name, slice_find(name, ':')), expected);
}

static bool user_fits(const struct preset *p, struct slice name)
{
    switch (p->user) {
    case USER_ADDRESS:
    case USER_ADDRESS_OR_NONE: return is_address(name);
    case USER_ADDRESS_OR_NUMBER: return is_address(name) || is_number(name);
    case USER_EXACT: return is_exactly(name, p->user_sample);
    case USER_NO_ADDRESS: return slice_find(name, '@') == name.len;
    case USER_ANY: break;
    }
    return true;
}

/* The message does not show the name, because people enter the key in place of apikey. */
static void check_user(struct loading *l, const struct section *s, const struct upstream_config *u,
                       const struct preset *p)
{
    if (u->auth == AUTH_NONE || is_bad(s, "auth") || is_bad(s, "username"))
        return;
    if (u->username && !user_fits(p, slice_of(u->username)))
        advise(l, s, "username", "not what %s expects: %s", p->title, p->user_words.text);
    if (is_given(s, "username") || p->user == USER_ADDRESS_OR_NONE)
        return;
    if (p->password == PASSWORD_GONE)
        advise(l, s, "provider", "%s takes no mail without a login: %s", p->title,
               p->password_words);
    else
        advise(l, s, "provider", "%s takes no mail without a login; expected: username (%s) and %s",
               p->title, p->user_words.text, token_key(s) ? "its token" : "password_file");
}

/* Returns true for four groups of four letters, with or without blanks or dashes between, as app
 * passwords are shown. Nothing else about the secret is examined. */
static bool looks_like_app_password(struct slice secret)
{
    size_t letters = 0;
    for (size_t i = 0; i < secret.len; i++) {
        if (ascii_is_alpha(secret.data[i]) || ascii_is_digit(secret.data[i]))
            letters++;
        else if (secret.data[i] != ' ' && secret.data[i] != '-')
            return false;
    }
    return letters == 16;
}

static void check_password(struct loading *l, const struct section *s,
                           const struct upstream_config *u, const struct preset *p)
{
    const char *key = password_key(s);
    if (u->auth == AUTH_NONE || p->password == PASSWORD_WORKS || !key || is_bad(s, key) ||
        u->oauth.flow != TOKEN_NONE)
        return;
    if (p->password == PASSWORD_APP &&
        (!u->password || looks_like_app_password(secret_reveal(u->password))))
        return;
    advise(l, s, key, "%s: %s%s", p->title, p->password_words,
           p->password == PASSWORD_APP ? " (16 letters and digits; this is not one by its looks)"
                                       : "");
}

static const struct preset_port *find_port(const struct preset *p, unsigned number)
{
    for (const struct preset_port *port = p->ports; port->number; port++)
        if (port->number == number)
            return port;
    return NULL;
}

static void check_own_ports(struct loading *l, const struct section *s,
                            const struct upstream_config *u, const struct preset *p)
{
    if (!is_given(s, "ports") || is_bad(s, "ports") || u->tls == TLS_OFF || is_given(s, "host"))
        return;
    for (size_t i = 0; i < u->ports.n; i++) {
        const struct port *given_port = &u->ports.items[i];
        const struct preset_port *known = find_port(p, given_port->number);
        if (given_port->mode == PORT_API)
            continue;
        if (!known)
            advise(l, s, "ports",
                   "%u is none of the ports known of %s; leave the line out for those that are",
                   (unsigned)given_port->number, p->title);
        else if (known->trust != TRUST_UNCONFIRMED && known->mode != given_port->mode)
            advise(l, s, "ports",
                   "%u at %s is known as %u/%s; the wrong mode hangs instead of failing",
                   (unsigned)given_port->number, p->title, (unsigned)known->number,
                   port_mode_name(known->mode));
    }
}

static void check_region(struct loading *l, const struct section *s,
                         const struct preset_choice *choice)
{
    struct nearest n = {.wrong = choice->region};
    if (!choice->region.len || choice->known_region)
        return;
    for (const struct preset_region *r = choice->preset->regions; r->name; r++)
        nearest_try(&n, r->name);
    advise(l, s, "provider",
           "\"%.*s\" is no region known here%s%s%s; going by the others the host is %s",
           SHOWN(choice->region), n.best ? " (did you mean " : "", n.best ? n.best : "",
           n.best ? "?)" : "", choice->host);
}

static void check_preset(struct loading *l, const struct section *s)
{
    const struct upstream_config *u = section_struct(l, s);
    struct preset_choice choice;
    struct err err;
    if (!u->provider || preset_choose(slice_of(u->provider), false, &choice, &err) != 0)
        return;
    const struct preset *p = choice.preset;
    check_region(l, s, &choice);
    check_user(l, s, u, p);
    check_password(l, s, u, p);
    check_own_ports(l, s, u, p);
    if (p->connections.value && u->max_connections > p->connections.value &&
        !is_bad(s, "max_connections"))
        advise(l, s, "max_connections", "%s wants no more than %u at once", p->title,
               (unsigned)p->connections.value);
    if (p->pinned && u->tls == TLS_VERIFY && !is_given(s, "tls_fingerprint") &&
        !is_given(s, "tls_ca"))
        advise(l, s, "provider",
               "%s shows a certificate of its own; needed: its tls_fingerprint (or tls_ca and "
               "tls_name)",
               p->title);
}

void check_presets(struct loading *l)
{
    for (size_t i = 0; i < l->nsections; i++)
        if (l->sections[i].id == SECTION_UPSTREAM)
            check_preset(l, &l->sections[i]);
}
