/* One login of a person, for a refresh token. The person types a device code in elsewhere, or uses
 * a browser (PKCE) whose last address comes back through the loopback or is pasted. The caller
 * shows things, listens and writes the file. The login ends by itself when the code expires, or
 * after ten minutes. */
#ifndef OAUTH_LOGIN_H
#define OAUTH_LOGIN_H

#include "io/http.h"
#include "io/io.h"

struct oauth_login;

struct oauth_login_settings {
    const char *client_id, *scope, *token_url;
    /* The secret of a desktop client, which some providers want, or NULL. */
    const struct secret *client_secret;
    /* For a device code. */
    const char *device_url;
    /* For a browser: the page, the address that it leads back to, the user that it should suggest
     * (or NULL), and more parameters for the provider ("access_type=offline&prompt=consent", or
     * NULL). */
    const char *authorize_url, *redirect, *hint, *more;
    struct http_route route;
};

struct oauth_login_events {
    /* The address that the person shall open, and the code to type there ("" with a browser).
     * Borrowed. */
    void (*show)(void *ctx, const char *url, const char *user_code);
    /* The login has ended. refresh_token is borrowed, or NULL with err: ERR_REFUSED if the person
     * said no, ERR_PERMISSION if the provider did, which may allow another way. The login may be
     * freed here. */
    void (*done)(void *ctx, const struct secret *refresh_token, const struct err *err);
};

/* These copy the settings and give. Events come later, on the loop. */
struct oauth_login *oauth_login_device(const struct io *io, struct http *http,
                                       const struct oauth_login_settings *s,
                                       const struct oauth_login_events *events, void *ctx);
struct oauth_login *oauth_login_browser(const struct io *io, struct http *http,
                                        const struct oauth_login_settings *s,
                                        const struct oauth_login_events *events, void *ctx);
/* Takes the address at which the browser ended, whole or from its "?" on. Returns 0 if it belongs
 * to this login; then done follows. Returns -1 with err if it does not, and the login keeps
 * waiting. */
int oauth_login_take_address(struct oauth_login *login, struct slice address,
                             struct err *err) MUST_USE;
/* NULL is fine. */
void oauth_login_free(struct oauth_login **login);

#endif
