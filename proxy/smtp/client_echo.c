/* We do not repeat words of an upstream that hold our credentials. */
#include "smtp/client_private.h"

#include "base/echo.h"

enum {
    /* Fewer octets of a secret in a row tell nothing. */
    RUN = 6,
    /* This many octets of a password are looked for, because an echo of it begins at its beginning.
     * A token is looked for whole, because its beginning says only what kind of token it is. */
    PASSWORD_LOOKED_AT = 1024,
};

/* PLAIN's message is "\0user\0password". An echo that was cut may hold its beginning alone. */
static bool repeats_plain(const struct echo *e, const struct smtp_client_login *l,
                          struct slice password)
{
    struct buf plain;
    buf_init(&plain, CAP_SECRET + CAP_AUTH_LINE);
    bool made = buf_append(&plain, "", 1) && buf_append_slice(&plain, slice_of(l->user)) &&
                buf_append(&plain, "", 1) && buf_append_slice(&plain, password);
    bool found = !made || echo_repeats_encoded(e, buf_view(&plain), RUN);
    buf_wipe(&plain);
    return found;
}

bool smtp_client_echoes(const struct smtp_client *c, struct slice words)
{
    const struct smtp_client_login *l = &c->login;
    bool is_token = c->settings->secret == MECHANISM_TOKEN;
    if (!l->password)
        return false;
    struct slice secret = secret_reveal(l->password);
    if (!is_token)
        secret = slice_head(secret, PASSWORD_LOOKED_AT);
    struct echo *e = echo_of(words);
    bool found = echo_repeats(e, secret, RUN) || (!is_token && repeats_plain(e, l, secret));
    echo_free(&e);
    return found;
}
